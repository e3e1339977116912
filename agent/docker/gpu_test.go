package docker

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"pacer/apps"
)

func TestEachInstanceHasGPUsOfItsOwn(t *testing.T) {
	d := real(t)
	made, err := engine.Client().ContainerCreate(t.Context(), &container.Config{
		Image: "test/tools:1", Entrypoint: []string{"/bin/sleep"}, Cmd: []string{"600"}, Labels: map[string]string{labelGPUs: "0,2"},
	}, &container.HostConfig{AutoRemove: true}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Client().ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.remove(context.Background(), made.ID) })
	a := shell(forever)
	a.Needs = apps.Resources{CPU: 100, Mem: 32, GPU: 2}

	first, release, err := d.gpusOf(t.Context(), launch(t, d, a))
	if err != nil || !slices.Equal(first, []int{1, 3}) {
		t.Fatalf("0 and 2 are taken: got %v, %v", first, err)
	}
	second, done, err := d.gpusOf(t.Context(), launch(t, d, a))
	if err != nil || !slices.Equal(second, []int{4, 5}) {
		t.Fatalf("the first has no container yet, and still has its GPUs: got %v, %v", second, err)
	}
	release()
	done()
	if again, done, err := d.gpusOf(t.Context(), launch(t, d, a)); err != nil || !slices.Equal(again, first) {
		t.Errorf("both came to nothing: got %v, %v", again, err)
	} else {
		done()
	}
	if none, _, err := d.gpusOf(t.Context(), launch(t, d, hello())); none != nil || err != nil {
		t.Errorf("who wants none gets none: %v, %v", none, err)
	}

	s := mustSpec(t, *a)
	s.useGPUs(first)
	want := container.DeviceRequest{DeviceIDs: []string{"1", "3"}, Capabilities: [][]string{{"gpu"}}}
	if got := s.host.DeviceRequests; len(got) != 1 || !slices.Equal(got[0].DeviceIDs, want.DeviceIDs) || got[0].Count != 0 || s.config.Labels[labelGPUs] != "1,3" {
		t.Errorf("the engine is asked for %+v, label %q", got, s.config.Labels[labelGPUs])
	}
}

func TestAnEngineWithoutGPUsSaysSo(t *testing.T) {
	d := real(t)
	a := shell(forever)
	a.Needs = apps.Resources{CPU: 100, Mem: 32, GPU: 1}
	_, retry, err := d.Start(t.Context(), launch(t, d, a))
	if err == nil {
		t.Skip("this engine has GPUs")
	}
	if retry || !strings.Contains(err.Error(), "cannot give out GPUs") {
		t.Errorf("got %v, retry %v", err, retry)
	}
}
