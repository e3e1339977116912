package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	loadRate    = 400 // requests a second
	loadWorkers = 8   // connections
)

// A tally is what became of requests.
type tally struct {
	requests, failed int
	slowest          time.Duration
	first            string // failure
}

func (t *tally) add(o tally) {
	t.requests += o.requests
	t.failed += o.failed
	t.slowest = max(t.slowest, o.slowest)
	if t.first == "" {
		t.first = o.first
	}
}

// A load is paced traffic for one host name.
type load struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	tally tally
}

// press begins the traffic; end ends it.
func press(ctx context.Context, addr, host string) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{stop: stop}
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: loadWorkers, MaxConnsPerHost: loadWorkers},
		Timeout:   10 * time.Second,
	}
	for w := range loadWorkers {
		l.done.Go(func() {
			defer client.CloseIdleConnections()
			tick := time.NewTicker(time.Second * loadWorkers / loadRate)
			defer tick.Stop()
			for n := w; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				l.one(client, addr, host, n%2 == 1)
			}
		})
	}
	return l
}

// one is one request; it is not cut short when the load ends.
func (l *load) one(client *http.Client, addr, host string, post bool) {
	method, body := http.MethodGet, io.Reader(nil)
	if post {
		method, body = http.MethodPost, strings.NewReader(strings.Repeat("x", 1000))
	}
	begun := time.Now()
	err := func() error {
		req, err := http.NewRequest(method, "http://"+addr+"/", body)
		if err != nil {
			return err
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s %s", resp.Status, said)
		}
		return err
	}()
	took := time.Since(begun)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.requests++
	l.tally.slowest = max(l.tally.slowest, took)
	if err != nil {
		if l.tally.failed++; l.tally.first == "" {
			l.tally.first = fmt.Sprintf("%s after %v: %v", method, took, err)
		}
	}
}

// end stops the traffic, waits for its last requests, and says what became of all.
func (l *load) end() tally {
	l.stop()
	l.done.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally
}
