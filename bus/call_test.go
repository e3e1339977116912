package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pacer/apps"
)

// callers gives two connections to one server that believe each other gone soon.
func callers(t *testing.T, gone time.Duration) (asker, host *Conn) {
	s := embedded(t, ServerConfig{Name: "s1"})
	asker, host = conn(t, s, "asker"), conn(t, s, "host")
	for _, c := range []*Conn{asker, host} {
		c.beat, c.gone = gone/3, gone
	}
	return asker, host
}

// soon is when these tests believe one gone; a busy machine must be faster.
const soon = time.Second

func serve[Req any](tb testing.TB, c *Conn, k Call[Req], handler func(context.Context, Req, func([]byte) error) error) *Subscription {
	tb.Helper()
	s, err := k.Serve(c, "h1", handler)
	check(tb, err)
	flush(tb, c)
	return s
}

func kindOf(err error) apps.Kind {
	if e, ok := errors.AsType[*apps.Error](err); ok {
		return e.Kind
	}
	return apps.Internal
}

func TestAnAnswerArrivesWhole(t *testing.T) {
	asker, host := callers(t, time.Minute)
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB: 8 windows
	serve(t, host, Logs, func(_ context.Context, req LogsRequest, send func([]byte) error) error {
		if req != (LogsRequest{Instance: "web.1", Tail: 5, Follow: true}) {
			return fmt.Errorf("asked for %+v", req)
		}
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 100_001)
			if err := send(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
	var got []byte
	err := Logs.Stream(t.Context(), asker, "h1", LogsRequest{Instance: "web.1", Tail: 5, Follow: true}, func(b []byte) error {
		got = append(got, b...)
		return nil
	})
	check(t, err)
	if !bytes.Equal(got, text) {
		t.Errorf("%d bytes came, or others than the %d sent", len(got), len(text))
	}
}

func TestAnEmptyAnswerEnds(t *testing.T) {
	asker, host := callers(t, time.Minute)
	serve(t, host, Exec, func(context.Context, ExecRequest, func([]byte) error) error { return nil })
	err := Exec.Stream(t.Context(), asker, "h1", ExecRequest{}, func(b []byte) error { return fmt.Errorf("got %q", b) })
	check(t, err)
}

func TestTheHandlersErrorReachesTheAsker(t *testing.T) {
	asker, host := callers(t, time.Minute)
	serve(t, host, Exec, func(_ context.Context, req ExecRequest, send func([]byte) error) error {
		if err := send([]byte("so far")); err != nil {
			return err
		}
		if req.Command == "a" {
			return fmt.Errorf("exec: %w", apps.Errorf(apps.NotFound, "no instance a"))
		}
		return errors.New("the engine is away")
	})
	var got string
	recv := func(b []byte) error { got += string(b); return nil }
	err := Exec.Stream(t.Context(), asker, "h1", ExecRequest{Command: "a"}, recv)
	if kindOf(err) != apps.NotFound || err.Error() != "no instance a" || got != "so far" {
		t.Errorf("got %q, %v", got, err)
	}
	err = Exec.Stream(t.Context(), asker, "h1", ExecRequest{Command: "b"}, recv)
	if kindOf(err) != apps.Internal || !strings.Contains(err.Error(), "the engine is away") {
		t.Errorf("got %v", err)
	}
}

func TestAHostThatIsNotThereIsSaidAtOnce(t *testing.T) {
	asker, _ := callers(t, time.Minute)
	err := Logs.Stream(t.Context(), asker, "h2", LogsRequest{}, func([]byte) error { return nil })
	if kindOf(err) != apps.Unavailable || !strings.Contains(err.Error(), "'h2' is not connected") {
		t.Errorf("got %v", err)
	}
}

func TestACallEndsWithItsAsker(t *testing.T) {
	asker, host := callers(t, time.Minute)
	ended := make(chan error, 10)
	serve(t, host, Logs, func(ctx context.Context, _ LogsRequest, send func([]byte) error) error {
		err := send([]byte("line"))
		<-ctx.Done() // follows a log in which nothing happens
		ended <- errors.Join(err, context.Cause(ctx), send([]byte("more")))
		return nil
	})

	enough := errors.New("enough")
	if err := Logs.Stream(t.Context(), asker, "h1", LogsRequest{}, func([]byte) error { return enough }); err != enough {
		t.Errorf("the reader's error is %v", err)
	}
	if err := receive(t, ended); !errors.Is(err, errGone) {
		t.Errorf("the handler ended with %v", err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	if err := Logs.Stream(ctx, asker, "h1", LogsRequest{}, func([]byte) error { cancel(enough); return nil }); err != enough {
		t.Errorf("the context's cause came as %v", err)
	}
	if err := receive(t, ended); !errors.Is(err, errGone) {
		t.Errorf("the handler ended with %v", err)
	}
}

func TestACallEndsWhenItsAskerVanishes(t *testing.T) {
	t.Parallel()
	asker, host := callers(t, soon)
	ended := make(chan error, 1)
	serve(t, host, Logs, func(ctx context.Context, _ LogsRequest, send func([]byte) error) error {
		for {
			if err := send(make([]byte, chunkMax)); err != nil { // blocks: nobody takes it
				ended <- err
				return err
			}
		}
	})
	first := make(chan struct{})
	var once sync.Once
	var asking sync.WaitGroup
	asking.Go(func() {
		_ = Logs.Stream(t.Context(), asker, "h1", LogsRequest{}, func([]byte) error {
			once.Do(func() { close(first) })
			return nil
		})
	})
	receive(t, first)

	asker.nc.Close() // no goodbye

	if err := receive(t, ended); !errors.Is(err, errGone) {
		t.Errorf("the handler ended with %v", err)
	}
	asking.Wait()
}

func TestACallEndsWhenItsHostVanishes(t *testing.T) {
	t.Parallel()
	asker, host := callers(t, soon)
	serve(t, host, Logs, func(ctx context.Context, _ LogsRequest, send func([]byte) error) error {
		if err := send([]byte("line")); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	err := Logs.Stream(t.Context(), asker, "h1", LogsRequest{}, func([]byte) error { host.nc.Close(); return nil })
	if kindOf(err) != apps.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestSilenceInAnAnswerIsNoEnd(t *testing.T) {
	t.Parallel()
	asker, host := callers(t, soon)
	serve(t, host, Logs, func(ctx context.Context, _ LogsRequest, send func([]byte) error) error {
		select {
		case <-time.After(2 * soon): // twice as long as one who is gone
		case <-ctx.Done():
		}
		return send([]byte("late"))
	})
	var got string
	err := Logs.Stream(t.Context(), asker, "h1", LogsRequest{}, func(b []byte) error { got += string(b); return nil })
	check(t, err)
	if got != "late" {
		t.Errorf("got %q", got)
	}
}

func TestASlowReaderSlowsTheWriter(t *testing.T) {
	t.Parallel()
	asker, host := callers(t, soon)
	var sent atomic.Int64
	const chunks = 4 * window
	serve(t, host, Logs, func(_ context.Context, _ LogsRequest, send func([]byte) error) error {
		for range chunks {
			if err := send([]byte("x")); err != nil {
				return err
			}
			sent.Add(1)
		}
		return nil
	})
	n := 0
	err := Logs.Stream(t.Context(), asker, "h1", LogsRequest{}, func([]byte) error {
		if n == 0 { // longer than the other may be silent
			<-time.After(2 * soon)
			if s := sent.Load(); s > window {
				t.Errorf("%d chunks were sent to one who took none", s)
			}
		}
		n++
		return nil
	})
	check(t, err)
	if n != chunks {
		t.Errorf("%d of %d chunks came", n, chunks)
	}
}

func TestCallsAreBounded(t *testing.T) {
	asker, host := callers(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running atomic.Int64
	sub := serve(t, host, Logs, func(ctx context.Context, _ LogsRequest, send func([]byte) error) error {
		running.Add(1)
		defer running.Add(-1)
		<-ctx.Done()
		return nil
	})
	ask := func() error {
		return Logs.Stream(ctx, asker, "h1", LogsRequest{}, func([]byte) error { return nil })
	}
	answers := make(chan error, callsMax)
	for range callsMax {
		go func() { answers <- ask() }()
	}
	eventually(t, "all are being answered", func() bool { return running.Load() == callsMax })

	if err := ask(); kindOf(err) != apps.Unavailable || !strings.Contains(err.Error(), "try again later") {
		t.Errorf("one too many got %v", err)
	}
	sub.Stop()
	if n := running.Load(); n != 0 {
		t.Errorf("%d calls outlive the subscription", n)
	}
	for range callsMax {
		if err := receive(t, answers); kindOf(err) != apps.Unavailable {
			t.Errorf("a call that the host ended: %v", err)
		}
	}
}

func TestAnUnreadableRequestIsRefused(t *testing.T) {
	asker, host := callers(t, time.Minute)
	serve(t, host, Exec, func(context.Context, ExecRequest, func([]byte) error) error { return nil })
	type wrong struct {
		Instance int `json:"instance"`
	}
	if err := (Call[wrong]{"exec"}).Stream(t.Context(), asker, "h1", wrong{1}, func([]byte) error { return nil }); kindOf(err) != apps.Malformed {
		t.Errorf("got %v", err)
	}
}
