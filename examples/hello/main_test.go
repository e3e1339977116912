package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestItListensWhereItsPortIs(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"by hand", nil, "8080"},
		{"host networking", map[string]string{"PORT0": "31005", "PORT_10000": "31005"}, "31005"},
		{"bridge", map[string]string{"PORT0": "31005", "PORT_8080": "31005"}, "8080"},
	} {
		if got := port(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%s: want port %s, got %s", c.name, c.want, got)
		}
	}
}

func TestItSaysWhoAnswersAndCanBeBroken(t *testing.T) {
	h := handler("hello.1")
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	for _, method := range []string{"GET", "POST"} {
		if code, body := ask(method, "/", "x"); code != http.StatusOK || body != "hello from 0 hello.1\n" {
			t.Errorf("%s /: got %d %q", method, code, body)
		}
	}
	if code, _ := ask("GET", "/health", ""); code != http.StatusOK {
		t.Errorf("healthy at first, but %d", code)
	}
	ask("POST", "/break", "")
	if code, _ := ask("GET", "/health", ""); code != http.StatusInternalServerError {
		t.Errorf("broken, but %d", code)
	}
	if code, _ := ask("GET", "/sleep?d=x", ""); code != http.StatusBadRequest {
		t.Errorf("no duration, but %d", code)
	}
}
