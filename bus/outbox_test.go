package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"pacer/apps"
)

// A memory is a Source.
type memory struct {
	mu      sync.Mutex
	notices []apps.Notice
}

func (m *memory) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		seq := uint64(len(m.notices) + 1)
		m.notices = append(m.notices, apps.Notice{Seq: seq, Type: "status_update_event", Message: fmt.Sprint("it is ", seq)})
	}
}

func (m *memory) Notices(_ context.Context, after uint64, limit int) ([]apps.Notice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := min(after, uint64(len(m.notices)))
	return m.notices[from:min(from+uint64(limit), uint64(len(m.notices)))], nil
}

func (m *memory) LastSeq(context.Context) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.notices)), nil
}

// run runs an outbox until stop is called, or the end of the test.
func run(tb testing.TB, c *Conn, src Source) (o *Outbox, stop func()) {
	tb.Helper()
	o = NewOutbox(c, 1)
	ctx, cancel := context.WithCancelCause(context.Background())
	over := errors.New("the test is over")
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx, src) }()
	stop = sync.OnceFunc(func() {
		cancel(over)
		if err := <-ended; err != over {
			tb.Errorf("the outbox ended with %v", err)
		}
	})
	tb.Cleanup(stop)
	return o, stop
}

// stream is what the stream has: the numbers of its messages in order.
func stream(tb testing.TB, c *Conn) (seqs []uint64) {
	tb.Helper()
	js, err := jetstream.New(c.nc)
	check(tb, err)
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	s, err := js.Stream(ctx, eventsStream)
	if err != nil {
		return nil
	}
	state := s.CachedInfo().State
	for at := state.FirstSeq; at <= state.LastSeq && state.Msgs > 0; at++ {
		m, err := s.GetMsg(ctx, at)
		if err != nil {
			return nil // it changes below us; the test looks again
		}
		var n apps.Notice
		check(tb, json.Unmarshal(m.Data, &n))
		if id := m.Header.Get(jetstream.MsgIDHeader); id != strconv.FormatUint(n.Seq, 10) || m.Subject != "pacer.notice."+n.Type {
			n.Seq = 0 // no notice of ours
		}
		seqs = append(seqs, n.Seq)
	}
	return seqs
}

// expectStream waits until the stream has from to to, each once, in order.
func expectStream(tb testing.TB, c *Conn, from, to uint64) {
	tb.Helper()
	var want []uint64
	for n := from; n <= to; n++ {
		want = append(want, n)
	}
	var got []uint64
	eventually(tb, fmt.Sprintf("the stream ends with %d", to), func() bool {
		got = stream(tb, c)
		return len(got) > 0 && got[len(got)-1] == to
	})
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("the stream (-want +got):\n%s", diff)
	}
}

func TestNoticesArePublishedInOrderAndOnce(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", StoreDir: t.TempDir()})
	c := conn(t, s, "leader")
	listener := conn(t, s, "listener")
	on, live := inbox[apps.Notice]()
	_, err := listener.OnNotice(on)
	check(t, err)
	flush(t, listener)
	src := &memory{}
	src.add(600) // more than a page
	o, stop := run(t, c, src)
	expectStream(t, c, 1, 600)

	src.add(3)
	o.Poke()

	expectStream(t, c, 1, 603)
	for want := uint64(1); want <= 603; want++ {
		if n := receive(t, live); n.Seq != want || n.Message != fmt.Sprint("it is ", want) {
			t.Fatalf("heard %+v, expected %d", n, want)
		}
	}
	// The next leader goes on where this one was.
	stop()
	src.add(2)
	run(t, c, src)
	expectStream(t, c, 1, 605)
}

func TestTwoOutboxesPublishOnce(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", StoreDir: t.TempDir()})
	c := conn(t, s, "leader")
	src := &memory{}
	a, _ := run(t, c, src)
	b, _ := run(t, conn(t, s, "deposed"), src)
	for range 50 {
		src.add(7)
		a.Poke()
		b.Poke()
	}
	expectStream(t, c, 1, 350)
}

func TestAStreamThatWasWipedIsFilledAgain(t *testing.T) {
	dir := t.TempDir()
	first := embedded(t, ServerConfig{Name: "s1", Listen: "127.0.0.1:0", StoreDir: dir})
	addr := first.Addr()
	c := remote(t, "nats://"+addr, "leader")
	src := &memory{}
	src.add(300)
	o, _ := run(t, c, src)
	expectStream(t, c, 1, 300)

	first.Shutdown()
	check(t, os.RemoveAll(dir))
	embedded(t, ServerConfig{Name: "s1", Listen: addr, StoreDir: dir})
	src.add(10)
	o.Poke()

	expectStream(t, c, 1, 310)
}

func TestAStreamThatIsDamagedIsFilledAgain(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", StoreDir: t.TempDir()})
	c := conn(t, s, "leader")
	js, err := jetstream.New(c.nc)
	check(t, err)
	ctx := t.Context()
	src := &memory{}
	src.add(20)
	o, _ := run(t, c, src)
	expectStream(t, c, 1, 20)
	last := uint64(20)
	for name, damage := range map[string]func() error{
		"deleted": func() error { return js.DeleteStream(ctx, eventsStream) },
		"strange": func() error { return c.nc.Publish("pacer.notice.x", []byte(`{"type":"x"}`)) },
	} {
		check(t, damage())
		src.add(1)
		last++
		o.Poke()
		var got []uint64
		eventually(t, "after it was "+name+" the stream is whole", func() bool {
			got = stream(t, c)
			return len(got) == int(last) && got[0] == 1 && got[last-1] == last
		})
	}
}

// Who deletes events while an outbox runs may want that: it is not undone before
// the next one begins.
func TestAnOutboxThatBeginsFillsWhatWasDeleted(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", StoreDir: t.TempDir()})
	c := conn(t, s, "leader")
	js, err := jetstream.New(c.nc)
	check(t, err)
	src := &memory{}
	src.add(20)
	_, stop := run(t, c, src)
	expectStream(t, c, 1, 20)
	stop()
	str, err := js.Stream(t.Context(), eventsStream)
	check(t, err)
	check(t, str.DeleteMsg(t.Context(), 20)) // its number is still known as a duplicate
	_, stop = run(t, c, src)
	expectStream(t, c, 1, 20)
	stop()
	check(t, str.Purge(t.Context()))

	run(t, c, src)

	expectStream(t, c, 1, 20)
}

func TestAStreamThatIsAheadOfTheStoreIsMadeAnew(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", StoreDir: t.TempDir()})
	c := conn(t, s, "leader")
	src := &memory{}
	src.add(20)
	_, stop := run(t, c, src)
	expectStream(t, c, 1, 20)
	stop()

	restored := &memory{} // from a backup
	restored.add(5)
	run(t, c, restored)

	expectStream(t, c, 1, 5)
}

func TestANoticeThatIsTooLargeComesWithoutItsDetails(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", StoreDir: t.TempDir()})
	c := conn(t, s, "leader")
	src := &memory{}
	src.add(3)
	src.notices[1].App, src.notices[1].Spec = "/a", &apps.App{ID: "/a", Cmd: strings.Repeat("x", 9<<20)}
	run(t, c, src)
	expectStream(t, c, 1, 3)
}

// No JetStream, no loss: what could not be published is published later.
func TestTheOutboxWaitsForJetStream(t *testing.T) {
	without := embedded(t, ServerConfig{Name: "s1", Listen: "127.0.0.1:0"})
	addr := without.Addr()
	c := remote(t, "nats://"+addr, "leader")
	var said lockedBuffer
	c.log = slog.New(slog.NewTextHandler(&said, nil))
	src := &memory{}
	src.add(5)
	run(t, c, src)
	eventually(t, "it says that it cannot", func() bool { return strings.Contains(said.String(), "events not published") })
	without.Shutdown()

	embedded(t, ServerConfig{Name: "s1", Listen: addr, StoreDir: t.TempDir()})

	expectStream(t, c, 1, 5)
}
