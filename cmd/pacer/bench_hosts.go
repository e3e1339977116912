package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pacer/apps"
	"pacer/bus"
)

// benchHosts pretends hosts in a process of its own: each has a connection to NATS,
// beats once a second, and answers its assignments with the letters of an agent. What it
// is assigned is starting at once and runs a second later; nothing is started.
//
// It obeys a line each: "silence N" has that many hosts say nothing more, "crash N" cuts
// their connections. It answers with a line for each of them: the time in nanoseconds,
// and the host.
func benchHosts(ctx context.Context, in io.Reader, out io.Writer, url string, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hosts := make([]*pretendHost, n)
	var connecting errgroup.Group
	connecting.SetLimit(64)
	for i := range hosts {
		connecting.Go(func() (err error) {
			hosts[i], err = pretend(ctx, url, benchHost(i))
			return err
		})
	}
	if err := connecting.Wait(); err != nil {
		return err
	}
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	for _, h := range hosts {
		beating.Go(func() { h.live(ctx) })
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	return obey(in, out, hosts)
}

// obey carries out what is asked until nothing more can be. The victims are taken from
// the end, and each once.
func obey(in io.Reader, out io.Writer, hosts []*pretendHost) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		verb, number, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if err != nil || n > len(hosts) {
			return fmt.Errorf("%q is not understood", lines.Text())
		}
		for range n {
			h := hosts[len(hosts)-1]
			hosts = hosts[:len(hosts)-1]
			at := time.Now()
			switch verb {
			case "silence":
				h.silence()
			case "crash":
				h.conn.Close()
			default:
				return fmt.Errorf("%q is not understood", lines.Text())
			}
			if _, err := fmt.Fprintln(out, at.UnixNano(), h.host.Name); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// A pretendHost speaks for a host that is not there.
type pretendHost struct {
	host apps.Host
	boot int64
	conn *bus.Conn

	mu       sync.Mutex
	silent   bool
	revision uint64
	applied  apps.Stamp
	runs     []apps.InstanceReport // by id
	starting bool                  // some of them
}

func pretend(ctx context.Context, url string, host apps.Host) (*pretendHost, error) {
	boot := time.Now().UnixMilli()
	conn, err := bus.Connect(ctx, url, bus.AgentName(host.Name, boot), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	h := &pretendHost{host: host, boot: boot, conn: conn, revision: 1}
	if _, err := conn.OnAssign(host.Name, h.assigned); err != nil {
		return nil, err
	}
	return h, conn.Flush(ctx)
}

// live beats once a second from a random moment on, until ctx ends.
func (h *pretendHost) live(ctx context.Context) {
	defer h.conn.Close()
	timer := time.NewTimer(rand.N(time.Second))
	defer timer.Stop()
	full := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(time.Second)
		h.beat(full)
		full = false
	}
}

func (h *pretendHost) beat(full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.starting {
		h.starting, full = false, true
		now := time.Now()
		for i := range h.runs {
			if r := &h.runs[i]; r.Phase == apps.PhaseStarting {
				r.Phase, r.Ready, r.Started, r.IP = apps.PhaseRunning, true, now, h.host.Addr
			}
		}
		h.revision++
	}
	h.report(full)
}

// assigned takes over a letter and answers it.
func (h *pretendHost) assigned(l apps.Assignment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.applied.After(l.Stamp) {
		return
	}
	before := h.runs
	h.applied, h.runs = l.Stamp, make([]apps.InstanceReport, 0, len(l.Instances))
	for _, in := range l.Instances {
		if i, has := slices.BinarySearchFunc(before, in.ID, func(r apps.InstanceReport, id string) int { return strings.Compare(r.ID, id) }); has {
			h.runs = append(h.runs, before[i])
			continue
		}
		h.starting = true
		h.runs = append(h.runs, apps.InstanceReport{ID: in.ID, Phase: apps.PhaseStarting})
	}
	slices.SortFunc(h.runs, func(a, b apps.InstanceReport) int { return strings.Compare(a.ID, b.ID) })
	h.revision++
	h.report(true)
}

func (h *pretendHost) silence() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.silent = true
}

// report writes to the leader; a letter that is lost is followed by others.
func (h *pretendHost) report(full bool) {
	if h.silent {
		return
	}
	r := apps.Report{Host: h.host, Boot: h.boot, Revision: h.revision, Applied: h.applied, Beat: !full}
	if full {
		r.Runs = h.runs
	}
	_ = h.conn.SendReport(r)
}
