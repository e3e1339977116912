package ui

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pacer/testbed"
)

// A chromium is a headless browser, spoken to by the DevTools protocol over a pair
// of pipes: it ends when they do, however this process ends.
type chromium struct {
	cmd  *exec.Cmd
	dir  string
	out  *os.File // commands
	done chan struct{}

	mu      sync.Mutex // guards what follows
	last    int
	waiting map[int]chan message
	pages   map[string]*tab // by session
	closed  error           // why nothing can be asked any more
}

// A message is a command, its answer or an event.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

const commandMax = time.Minute // for an answer of the browser

var shared struct {
	once    sync.Once
	browser *chromium
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.browser != nil {
		shared.browser.close()
	}
	os.Exit(code)
}

// startChromium starts the browser that all tests share, installing it where it is
// absent and this is root.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser")
	}
	shared.once.Do(func() { shared.browser, shared.err = launch(context.Background()) })
	if errors.Is(shared.err, testbed.ErrCannot) && os.Getenv("CI") == "" {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.browser
}

func launch(ctx context.Context) (*chromium, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		if program, err = testbed.Program(ctx, "chromium", "chromium"); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "pacer-chromium")
	if err != nil {
		return nil, err
	}
	theirIn, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	in, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server", "--force-color-profile=srgb", "--lang=en-GB",
		"--user-data-dir="+filepath.Join(dir, "profile"), "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // file descriptors 3 and 4, as the flag wants them
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c := &chromium{cmd: cmd, dir: dir, out: out, done: make(chan struct{}), waiting: map[int]chan message{}, pages: map[string]*tab{}}
	go c.listen(in)
	return c, nil
}

func (c *chromium) close() {
	_, _ = c.call("", "Browser.close", nil) // it may be gone already
	c.out.Close()
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // what is left of its group
	_ = c.cmd.Wait()
	_ = os.RemoveAll(c.dir)
}

// listen hands answers to who waits and events to their tab, until the pipe ends.
func (c *chromium) listen(in *os.File) {
	defer close(c.done)
	defer in.Close()
	r := bufio.NewReader(in)
	for {
		text, err := r.ReadBytes(0)
		var m message
		if err == nil {
			m.Params = new(json.RawMessage)
			err = json.Unmarshal(text[:len(text)-1], &m)
		}
		c.mu.Lock()
		if err != nil {
			c.closed = fmt.Errorf("chromium ended: %w", err)
			for _, w := range c.waiting {
				close(w)
			}
			c.waiting = nil
			c.mu.Unlock()
			return
		}
		w, page := c.waiting[m.ID], c.pages[m.Session]
		delete(c.waiting, m.ID)
		c.mu.Unlock()
		if w != nil {
			w <- m
		} else if page != nil {
			page.heard(m)
		}
	}
}

func (c *chromium) call(session, method string, params any) (json.RawMessage, error) {
	answer := make(chan message, 1)
	c.mu.Lock()
	if c.closed != nil {
		c.mu.Unlock()
		return nil, c.closed
	}
	c.last++
	text, err := json.Marshal(message{ID: c.last, Session: session, Method: method, Params: params})
	if err == nil {
		c.waiting[c.last] = answer
		_, err = c.out.Write(append(text, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return nil, errors.New(method + ": chromium ended")
		case m.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		return m.Result, nil
	case <-time.After(commandMax):
		return nil, fmt.Errorf("%s: no answer within %s", method, commandMax)
	}
}

// A tab shows one page.
type tab struct {
	t       testing.TB
	browser *chromium
	session string

	mu       sync.Mutex // guards complaints
	complain []string   // uncaught exceptions, console errors, violations of the policy
}

type params map[string]any

// newTab opens a tab until the end of the test, which fails if the page complains.
func newTab(t *testing.T, width, height int) *tab {
	t.Helper()
	c := startChromium(t)
	p := &tab{t: t, browser: c}
	var target struct{ TargetID, BrowserContextID string }
	must(t, c, "Target.createBrowserContext", nil, &target)
	must(t, c, "Target.createTarget", params{"url": "about:blank", "browserContextId": target.BrowserContextID}, &target)
	var attached struct{ SessionID string }
	must(t, c, "Target.attachToTarget", params{"targetId": target.TargetID, "flatten": true}, &attached)
	p.session = attached.SessionID
	c.mu.Lock()
	c.pages[p.session] = p
	c.mu.Unlock()
	t.Cleanup(func() {
		if _, err := c.call("", "Target.disposeBrowserContext", params{"browserContextId": target.BrowserContextID}); err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, what := range p.complain {
			t.Errorf("the page complains: %s", what)
		}
	})
	for _, domain := range []string{"Runtime", "Log", "Page"} {
		p.call(domain+".enable", nil)
	}
	p.size(width, height)
	return p
}

func must(t testing.TB, c *chromium, method string, args params, result any) {
	t.Helper()
	got, err := c.call("", method, args)
	if err == nil {
		err = json.Unmarshal(got, result)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *tab) call(method string, args params) json.RawMessage {
	p.t.Helper()
	got, err := p.browser.call(p.session, method, args)
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// heard notes what a page must not do. That a request fails is no mistake of it.
func (p *tab) heard(m message) {
	text := string(*m.Params.(*json.RawMessage))
	mistake := m.Method == "Runtime.exceptionThrown" ||
		m.Method == "Runtime.consoleAPICalled" && strings.Contains(text, `"type":"error"`) ||
		m.Method == "Log.entryAdded" && strings.Contains(text, `"level":"error"`) && !strings.Contains(text, `"source":"network"`)
	if mistake {
		p.mu.Lock()
		p.complain = append(p.complain, text)
		p.mu.Unlock()
	}
}

func (p *tab) size(width, height int) {
	p.t.Helper()
	p.call("Emulation.setDeviceMetricsOverride", params{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
}

// prefer sets the colour scheme, and that nothing should move.
func (p *tab) prefer(scheme string) {
	p.t.Helper()
	p.call("Emulation.setEmulatedMedia", params{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
	}})
}

// open shows url and waits until cond, an expression of the page's, is true.
func (p *tab) open(url, cond string) {
	p.t.Helper()
	p.call("Page.navigate", params{"url": url})
	p.wait(cond)
}

// eval is the value of a JavaScript expression, or of what it promises.
func (p *tab) eval(expression string) any {
	p.t.Helper()
	v, err := p.try(expression)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, expression)
	}
	return v
}

func (p *tab) try(expression string) (any, error) {
	got, err := p.browser.call(p.session, "Runtime.evaluate", params{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true})
	if err != nil {
		return nil, err
	}
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description, Value string }
		}
	}
	if err := json.Unmarshal(got, &r); err != nil {
		return nil, err
	}
	if e := r.ExceptionDetails; e != nil {
		return nil, fmt.Errorf("%s %s%s", e.Text, e.Exception.Description, e.Exception.Value)
	}
	return r.Result.Value, nil
}

// wait returns once cond is true in the page. A page that is being left takes the
// question with it; then the next one is asked.
func (p *tab) wait(cond string) {
	p.t.Helper()
	const most = 90 * time.Second // a loaded machine is slow, and a wrong page wrong for ever
	end := time.Now().Add(most)
	for {
		left := time.Until(end).Milliseconds()
		_, err := p.try(fmt.Sprintf(`new Promise((yes, no) => {
			const end = performance.now() + %d;
			const look = () => {
				let is = false;
				try { is = %s; } catch {}
				if (is) yes(true); else if (performance.now() > end) no("never true"); else setTimeout(look, 10);
			};
			look();
		})`, left, cond))
		if err == nil {
			return
		}
		if time.Now().After(end) || strings.Contains(err.Error(), "never true") {
			text, _ := p.try(`document.body?.innerText`)
			p.shoot("failed-" + p.t.Name())
			p.t.Fatalf("not within %s: %s (%v)\nthe page shows:\n%v", most, cond, err, text)
		}
	}
}

// busy is the CPU time the page has taken so far, in seconds.
func (p *tab) busy() float64 {
	p.t.Helper()
	var r struct {
		Metrics []struct {
			Name  string
			Value float64
		}
	}
	if err := json.Unmarshal(p.call("Performance.getMetrics", nil), &r); err != nil {
		p.t.Fatal(err)
	}
	for _, m := range r.Metrics {
		if m.Name == "TaskDuration" {
			return m.Value
		}
	}
	p.t.Fatal("the browser does not tell how busy it was")
	return 0
}

// press types a key, as a person does.
func (p *tab) press(key string) {
	p.t.Helper()
	args := params{"type": "keyDown", "key": key}
	codes := map[string]int{"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9, "End": 35, "Home": 36}
	if code, ok := codes[key]; ok {
		args["windowsVirtualKeyCode"] = code
		if key == "Enter" {
			args["text"] = "\r"
		}
	} else {
		args["text"] = key
	}
	p.call("Input.dispatchKeyEvent", args)
	args["type"] = "keyUp"
	delete(args, "text")
	p.call("Input.dispatchKeyEvent", args)
}

// click presses the mouse on the middle of what the selector finds.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector(%q).getBoundingClientRect().width > 0`, selector))
	at := p.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "nearest"}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector)).([]any)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		p.call("Input.dispatchMouseEvent", params{"type": kind, "x": at[0], "y": at[1], "button": "left", "buttons": 1, "clickCount": 1})
	}
}

// shoot writes a picture into the directory PACER_SCREENSHOTS, where that is set.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("PACER_SCREENSHOTS")
	if dir == "" {
		return
	}
	var r struct{ Data string }
	if err := json.Unmarshal(p.call("Page.captureScreenshot", params{"format": "png"}), &r); err != nil {
		p.t.Fatal(err)
	}
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
