package lb

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// headerWait is how long the header of an answer waits for the beginning of its
// body, to travel in the same packet.
const headerWait = 2 * time.Millisecond

var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// answer passes a backend's answer on: as it comes, in constant memory. It panics
// with http.ErrAbortHandler where the answer breaks off: the client must see that.
func (x *exchange) answer(res *http.Response) {
	x.status = res.StatusCode
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.tunnel(res)
		return
	}
	defer func() { _ = res.Body.Close() }()
	header := x.w.Header()
	responseHeader(header, res.Header)
	announced := len(res.Trailer)
	if announced > 0 {
		names := make([]string, 0, announced)
		for k := range res.Trailer {
			names = append(names, k)
		}
		header["Trailer"] = []string{strings.Join(names, ", ")}
	}
	x.w.WriteHeader(res.StatusCode)
	if err := x.copyBody(res); err != nil {
		if x.r.Context().Err() != nil {
			x.status = clientGone
		} else {
			x.rule.app.stats.broken.Add(1)
		}
		panic(http.ErrAbortHandler)
	}
	if len(res.Trailer) == 0 {
		return
	}
	// Trailers need chunks; a short body would be given a Content-Length instead.
	_ = http.NewResponseController(x.w).Flush()
	prefix := ""
	if len(res.Trailer) != announced { // some were not announced
		prefix = http.TrailerPrefix
	}
	for k, v := range res.Trailer {
		header[prefix+k] = v
	}
}

// copyBody streams the body: every piece goes out when it has come in.
func (x *exchange) copyBody(res *http.Response) error {
	if res.ContentLength == 0 || x.r.Method == http.MethodHead {
		return nil // and no trailers either
	}
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)

	control := http.NewResponseController(x.w)
	var mu sync.Mutex // between the timer and the first write
	var begun bool
	timer := time.AfterFunc(headerWait, func() {
		mu.Lock()
		defer mu.Unlock()
		if !begun {
			_ = control.Flush()
		}
	})
	left := res.ContentLength // negative: not known
	for {
		n, err := res.Body.Read(buf[:])
		if !begun {
			timer.Stop()
			mu.Lock()
			begun = true
			mu.Unlock()
		}
		if n > 0 {
			left -= int64(n)
			if _, werr := x.w.Write(buf[:n]); werr != nil {
				return errors.Join(errClientWrite, werr)
			}
			if left != 0 && err == nil { // the last piece goes out with the end
				_ = control.Flush()
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var errClientWrite = errors.New("write to the client")
