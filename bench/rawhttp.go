package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// A wire is one keep-alive connection that sends the same kind of request again and
// again. It does as little as HTTP allows: what is measured is the server, and a client
// on the same cores takes its time from it.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	sink bytes.Buffer // the body of the last answer
}

func dial(addr string) (*wire, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (w *wire) close() { _ = w.conn.Close() }

// request is the text of a request for what the server has at path.
func request(method, path string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: bench\r\n", method, path)
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// do sends a request and reads the whole answer into sink. A status other than 2xx is an
// error.
func (w *wire) do(request []byte) error {
	_ = w.conn.SetDeadline(time.Now().Add(waitMax))
	if _, err := w.conn.Write(request); err != nil {
		return err
	}
	status, length, chunked, err := w.head()
	if err != nil {
		return err
	}
	w.sink.Reset()
	if !chunked {
		_, err = io.CopyN(&w.sink, w.in, length)
	} else {
		err = w.chunks()
	}
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("status %d: %.300s", status, w.sink.String())
	}
	return err
}

// head reads the status line and the headers.
func (w *wire) head() (status int, length int64, chunked bool, err error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, false, err
	}
	if len(line) < 12 {
		return 0, 0, false, fmt.Errorf("this is no answer: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, false, err
	}
	for {
		if line, err = w.in.ReadSlice('\n'); err != nil {
			return 0, 0, false, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return status, length, chunked, nil
		}
		switch {
		case hasPrefixFold(line, "content-length:"):
			length, err = strconv.ParseInt(strings.TrimSpace(string(line[15:])), 10, 64)
		case hasPrefixFold(line, "transfer-encoding:"):
			chunked = true
		}
		if err != nil {
			return 0, 0, false, err
		}
	}
}

func hasPrefixFold(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], []byte(prefix))
}

func (w *wire) chunks() error {
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(&w.sink, w.in, n); err != nil {
			return err
		}
		if end, err := w.in.ReadSlice('\n'); err != nil || len(bytes.TrimSpace(end)) > 0 {
			return errors.Join(err, errors.New("a chunk does not end where it should"))
		}
		if n == 0 {
			return nil
		}
	}
}
