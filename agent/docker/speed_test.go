package docker

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
)

// BenchmarkStart is Start to the first answer against the two bare calls that make
// the same container, turn by turn: the medians and their ratio.
func BenchmarkStart(b *testing.B) {
	d := real(b)
	var bare, ours []time.Duration
	for b.Loop() {
		bare = append(bare, startBare(b, d))
		began := time.Now()
		l, _ := start(b, d, hello())
		get(b, d.config.Addr, l.Ports[0])
		ours = append(ours, time.Since(began))
		if err := d.Remove(context.Background(), l.Instance); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(bare)
	slices.Sort(ours)
	x, y := bare[len(bare)/2], ours[len(ours)/2]
	b.ReportMetric(float64(x.Milliseconds()), "ms-bare")
	b.ReportMetric(float64(y.Milliseconds()), "ms-Start")
	b.ReportMetric(float64(y)/float64(x), "ratio")
}

func startBare(b *testing.B, d *Docker) time.Duration {
	b.Helper()
	l := launch(b, d, hello())
	began := time.Now()
	made, err := engine.Client().ContainerCreate(b.Context(),
		&container.Config{Image: "pacer/hello:1", ExposedPorts: nat.PortSet{"8080/tcp": {}}},
		&container.HostConfig{PortBindings: nat.PortMap{"8080/tcp": {{HostIP: d.config.Addr, HostPort: strconv.Itoa(l.Ports[0])}}}}, nil, nil, "")
	if err == nil {
		err = engine.Client().ContainerStart(b.Context(), made.ID, container.StartOptions{})
	}
	if err != nil {
		b.Fatal(err)
	}
	get(b, d.config.Addr, l.Ports[0])
	took := time.Since(began)
	if err := d.remove(context.Background(), made.ID); err != nil {
		b.Fatal(err)
	}
	return took
}
