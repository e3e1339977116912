package docker

import (
	"context"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	"strconv"
)

// BenchmarkStart is Start against the bare calls for the same container.
func BenchmarkStart(b *testing.B) {
	d := real(b)
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			l := launch(b, d, hello())
			made, err := engine.Client().ContainerCreate(b.Context(), &container.Config{Image: "pacer/hello:1", ExposedPorts: nat.PortSet{"8080/tcp": {}}},
				&container.HostConfig{PortBindings: nat.PortMap{"8080/tcp": {{HostIP: d.config.Addr, HostPort: strconv.Itoa(l.Ports[0])}}}}, nil, nil, "")
			if err != nil {
				b.Fatal(err)
			}
			if err := engine.Client().ContainerStart(b.Context(), made.ID, container.StartOptions{}); err != nil {
				b.Fatal(err)
			}
			get(b, d.config.Addr, l.Ports[0])
			b.StopTimer()
			if err := d.remove(context.Background(), made.ID); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	b.Run("Start", func(b *testing.B) {
		for b.Loop() {
			begin := time.Now()
			l, _ := start(b, d, hello())
			b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms-start")
			get(b, d.config.Addr, l.Ports[0])
			b.StopTimer()
			if err := d.Remove(context.Background(), l.Instance); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}
