package docker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"pacer/agent"
)

// gpus gives each instance GPUs of its own: the engine would give the same first ones
// to everybody. How many there are is the leader's business; it never places more.
type gpus struct {
	mu     sync.Mutex
	starts map[string][]int // of instances whose containers are being made
}

// gpusOf chooses the numbers of the GPUs of an instance, the lowest that no container
// of ours has. release is called when its container is made, or is not.
func (d *Docker) gpusOf(ctx context.Context, l agent.Launch) (numbers []int, release func(), err error) {
	if l.App.Needs.GPU <= 0 {
		return nil, func() {}, nil
	}
	d.gpus.mu.Lock()
	defer d.gpus.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	list, err := d.api.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelGPUs))})
	if err != nil {
		return nil, nil, fmt.Errorf("look which GPUs are taken: %w", explain(err))
	}
	taken := map[int]bool{}
	for _, c := range list {
		for _, n := range gpuNumbers(c.Labels[labelGPUs]) {
			taken[n] = true
		}
	}
	for _, started := range d.gpus.starts {
		for _, n := range started {
			taken[n] = true
		}
	}
	for n := 0; len(numbers) < int(l.App.Needs.GPU); n++ {
		if !taken[n] {
			numbers = append(numbers, n)
		}
	}
	if d.gpus.starts == nil {
		d.gpus.starts = map[string][]int{}
	}
	d.gpus.starts[l.Instance] = numbers
	return numbers, func() {
		d.gpus.mu.Lock()
		defer d.gpus.mu.Unlock()
		delete(d.gpus.starts, l.Instance)
	}, nil
}

// useGPUs asks the engine for these GPUs (docker run --gpus device=0,1).
func (s *spec) useGPUs(numbers []int) {
	if len(numbers) == 0 {
		return
	}
	ids := make([]string, len(numbers))
	for i, n := range numbers {
		ids[i] = strconv.Itoa(n)
	}
	s.config.Labels[labelGPUs] = strings.Join(ids, ",")
	s.host.DeviceRequests = append(s.host.DeviceRequests, container.DeviceRequest{DeviceIDs: ids, Capabilities: [][]string{{"gpu"}}})
}

func gpuNumbers(label string) (numbers []int) {
	for text := range strings.SplitSeq(label, ",") {
		if n, err := strconv.Atoi(text); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
