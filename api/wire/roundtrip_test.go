package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/apps"
)

// body draws an app in any of the forms that Marathon has had, mostly good ones.
func body(t *rapid.T) map[string]any {
	b := map[string]any{"id": "/" + rapid.StringMatching(`[a-z]{1,5}(/[a-z0-9]{1,5}){0,2}`).Draw(t, "id")}
	maybe := func(name string, draw func() any) {
		if rapid.Bool().Draw(t, "has "+name) {
			b[name] = draw()
		}
	}
	word := rapid.StringMatching(`[a-z]{1,6}`)
	number := func(label string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, label) }
	words := func() any { return rapid.MapOfN(word, rapid.String().Filter(noNUL), 0, 3).Draw(t, "words") }
	port := func(label string) int { return rapid.SampledFrom([]int{0, 0, 80, 8080, 10001}).Draw(t, label) }
	protocol := func() any { return rapid.SampledFrom([]string{"tcp", "udp", "udp,tcp"}).Draw(t, "protocol") }

	switch number("command", 0, 2) {
	case 0:
		b["cmd"] = "sleep " + word.Draw(t, "cmd")
	case 1:
		b["args"] = rapid.SliceOfN(word, 1, 3).Draw(t, "args")
	}
	maybe("instances", func() any { return number("instances", 0, 9) })
	maybe("cpus", func() any { return float64(number("cpus", 1, 5000)) / 1000 })
	maybe("mem", func() any { return rapid.Float64Range(0, 1e6).Draw(t, "mem") })
	maybe("disk", func() any { return number("disk", 0, 1000) })
	maybe("user", func() any { return word.Draw(t, "user") })
	maybe("env", words)
	maybe("labels", words)
	maybe("tty", func() any { return rapid.Bool().Draw(t, "tty") })
	maybe("executor", func() any { return rapid.SampledFrom([]string{"", "//cmd"}).Draw(t, "executor") })
	maybe("uris", func() any {
		return rapid.SliceOfN(rapid.SampledFrom([]string{"http://h/a.tgz", "http://h/b"}), 0, 2).Draw(t, "uris")
	})
	maybe("constraints", func() any {
		return rapid.SliceOfN(rapid.SampledFrom([][]string{{"hostname", "UNIQUE"}, {"rack", "group_by", "3"}, {"rack", "IS", ""}, {"zone", "LIKE", "a.*"}}), 0, 3).Draw(t, "constraints")
	})
	maybe("backoffSeconds", func() any { return number("backoff", 0, 100) })
	maybe("backoffFactor", func() any { return rapid.Float64Range(1, 10).Draw(t, "factor") })
	maybe("maxLaunchDelaySeconds", func() any { return number("delay", 0, 3600) })
	maybe("taskKillGracePeriodSeconds", func() any { return number("grace", 0, 60) })
	maybe("killSelection", func() any { return rapid.SampledFrom([]string{"YOUNGEST_FIRST", "OLDEST_FIRST"}).Draw(t, "kill") })
	maybe("role", func() any { return rapid.SampledFrom([]string{"*", "dev"}).Draw(t, "role") })
	maybe("dependencies", func() any { return rapid.SliceOfN(word, 0, 3).Draw(t, "dependencies") })
	maybe("upgradeStrategy", func() any {
		return map[string]any{
			"minimumHealthCapacity": rapid.Float64Range(0, 1).Draw(t, "min"), "maximumOverCapacity": rapid.Float64Range(0, 1).Draw(t, "over"),
		}
	})
	maybe("unreachableStrategy", func() any {
		if rapid.Bool().Draw(t, "disabled") {
			return "disabled"
		}
		n := number("inactive", 0, 100)
		return map[string]any{"inactiveAfterSeconds": n, "expungeAfterSeconds": n + number("more", 0, 100)}
	})

	switch number("network", 0, 4) {
	case 0: // host, by ports of either form
		maybe("ports", func() any { return rapid.SliceOfNDistinct(rapid.IntRange(1, 65535), 0, 3, rapid.ID).Draw(t, "ports") })
		maybe("requirePorts", func() any { return rapid.Bool().Draw(t, "requirePorts") })
	case 1:
		b["portDefinitions"] = []any{map[string]any{"port": port("port"), "protocol": protocol(), "labels": words()}, map[string]any{"name": "http"}}
	case 2: // bridge, old form
		b["container"] = map[string]any{"docker": map[string]any{
			"image": "i", "network": "BRIDGE", "portMappings": []any{map[string]any{"containerPort": port("container"), "hostPort": port("host")}},
		}}
	case 3: // bridge, new form
		b["networks"] = []any{map[string]any{"mode": "container/bridge", "labels": words()}}
		b["container"] = map[string]any{
			"docker":       map[string]any{"image": "i", "privileged": true, "parameters": []any{map[string]any{"key": "a", "value": "b"}}},
			"volumes":      []any{map[string]any{"containerPath": "/d", "hostPath": "/h", "mode": "RO"}},
			"portMappings": []any{map[string]any{"containerPort": port("container"), "servicePort": port("service"), "protocol": protocol(), "name": "http", "labels": words()}},
		}
	case 4:
		b["networks"] = []any{map[string]any{"name": "blue"}}
		b["container"] = map[string]any{"type": "MESOS", "docker": map[string]any{"image": "i"}, "portMappings": []any{map[string]any{"containerPort": 80}}}
	}
	maybe("resourceLimits", func() any {
		limits := map[string]any{}
		if rapid.Bool().Draw(t, "limits cpus") {
			limits["cpus"] = rapid.SampledFrom([]any{"unlimited", 6.5, 100}).Draw(t, "cpus limit")
		}
		if rapid.Bool().Draw(t, "limits mem") {
			limits["mem"] = rapid.SampledFrom([]any{"unlimited", 2e6, 1e6 + 0.5}).Draw(t, "mem limit")
		}
		return limits
	})
	maybe("acceptedResourceRoles", func() any { return []string{"*"} })
	maybe("executorResources", func() any { return map[string]any{"cpus": 0.2, "mem": 64} })
	maybe("residency", func() any { return map[string]any{"taskLostBehavior": "RELAUNCH_AFTER_TIMEOUT"} })
	if box, docker := b["container"].(map[string]any); docker {
		if rapid.Bool().Draw(t, "has linuxInfo") {
			box["linuxInfo"] = rapid.SampledFrom([]map[string]any{
				{}, {"seccomp": map[string]any{"unconfined": true}}, {"ipcInfo": map[string]any{"mode": "SHARE_PARENT"}},
				{"seccomp": map[string]any{"unconfined": false}, "ipcInfo": map[string]any{"mode": "PRIVATE", "shmSize": 64}},
			}).Draw(t, "linuxInfo")
		}
	} else {
		maybe("check", func() any {
			return rapid.SampledFrom([]map[string]any{
				{"http": map[string]any{"path": "/x", "scheme": "HTTPS"}}, {"tcp": map[string]any{}, "intervalSeconds": 0},
				{"exec": map[string]any{"command": map[string]any{"argv": []string{"a b", "c'd"}}}, "delaySeconds": 0},
			}).Draw(t, "check")
		})
		maybe("fetch", func() any {
			return []any{map[string]any{"uri": "http://h/a.tgz", "extract": rapid.Bool().Draw(t, "extract"), "cache": rapid.Bool().Draw(t, "cache"), "destPath": "x/y"}}
		})
	}
	if _, named := b["portDefinitions"]; named {
		maybe("readinessChecks", func() any {
			return []any{map[string]any{"portName": "http", "preserveLastResponse": rapid.Bool().Draw(t, "preserve"), "httpStatusCodesForReady": []int{200, 302}}}
		})
	}
	maybe("healthChecks", func() any {
		return rapid.SliceOfN(rapid.SampledFrom([]map[string]any{
			{}, {"protocol": "TCP", "portIndex": 0}, {"protocol": "COMMAND", "command": map[string]any{"value": "true"}},
			{"path": "/x", "port": 99, "ignoreHttp1xx": true, "gracePeriodSeconds": 1, "maxConsecutiveFailures": 0}, {"protocol": "HTTPS", "path": ""},
		}), 0, 3).Draw(t, "checks")
	})
	return b
}

func noNUL(s string) bool {
	for _, c := range s {
		if c == 0 {
			return false
		}
	}
	return true
}

func TestWhatGETAnswersCanBePutBack(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(body(t))
		if err != nil {
			t.Fatal(err)
		}
		var first App
		if _, err := Read(text, &first); err != nil {
			t.Fatalf("%s\nis not read: %v %+v", text, err, detailsOf(err))
		}
		spec, err := first.Create(Settings{}, "")
		if err != nil {
			return // refused: nothing to answer
		}
		accepted++
		spec.Version, spec.ConfigAt, spec.ScaledAt = 3000, 2000, 1000
		answer, err := json.Marshal(FromSpec(spec))
		if err != nil {
			t.Fatal(err)
		}
		want := *spec
		want.Version, want.ConfigAt, want.ScaledAt = 0, 0, 0
		for name, again := range map[string]func(*App) (*apps.App, error){
			"as a whole": func(a *App) (*apps.App, error) { return a.Create(Settings{}, "") },
			"as an update": func(a *App) (*apps.App, error) {
				if err := a.Migrate(Settings{}); err != nil {
					return nil, err
				}
				return Update(spec, a, Settings{})
			},
		} {
			var second App
			unknown, err := Read(answer, &second)
			if err != nil || len(unknown) > 0 {
				t.Fatalf("%s\nis not read: %v %v %+v", answer, unknown, err, detailsOf(err))
			}
			if _, rollback, err := second.RollbackVersion(); rollback || err != nil {
				t.Fatalf("an answer that is sent back is no rollback: %v, %v", rollback, err)
			}
			got, err := again(&second)
			if err != nil {
				t.Fatalf("%s\nsent back %s is refused: %v %+v", answer, name, err, detailsOf(err))
			}
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Fatalf("%s\nsent back %s changes the app (-want +got):\n%s", answer, name, diff)
			}
		}
	})
	if accepted == 0 {
		t.Fatal("not one of the drawn apps was accepted: the test proves nothing")
	}
}

func TestASpecIsTheSameInTheStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(body(t))
		if err != nil {
			t.Fatal(err)
		}
		var a App
		if _, err := Read(text, &a); err != nil {
			t.Fatal(err)
		}
		spec, err := a.Create(Settings{}, "")
		if err != nil {
			return
		}
		row, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var stored apps.App
		if err := json.Unmarshal(row, &stored); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(spec, &stored); diff != "" {
			t.Fatalf("the store gives back another spec (-accepted +stored):\n%s", diff)
		}
	})
}

// survive reads one body in every way there is: whatever it is, it is an app or a
// refusal that a user can read.
func survive(t testing.TB, text []byte) {
	t.Helper()
	var a App
	if _, err := Read(text, &a); err != nil {
		if _, ok := err.(*apps.Error); !ok {
			t.Fatalf("%q: want an *apps.Error, got %T: %v", text, err, err)
		}
		return
	}
	if _, _, err := a.RollbackVersion(); err != nil {
		return
	}
	spec, err := a.Create(Settings{DefaultNetwork: "net", Features: []string{"secrets", "gpu_resources", "external_volumes"}}, "/fuzz")
	if err != nil {
		if _, ok := err.(*apps.Error); !ok {
			t.Fatalf("%q: want an *apps.Error, got %T: %v", text, err, err)
		}
		return
	}
	answer, err := json.Marshal(FromSpec(spec))
	if err != nil {
		t.Fatalf("%q: accepted but cannot be answered: %v", text, err)
	}
	var again App
	if _, err := Read(answer, &again); err != nil {
		t.Fatalf("%q\nis answered with %s,\nwhich is not read: %v %+v", text, answer, err, detailsOf(err))
	}
	second, err := again.Create(Settings{Features: []string{"secrets", "gpu_resources", "external_volumes"}}, "/fuzz")
	if err != nil {
		t.Fatalf("%q\nis answered with %s,\nwhich is refused: %v %+v", text, answer, err, detailsOf(err))
	}
	if diff := cmp.Diff(spec, second); diff != "" {
		t.Fatalf("%q\nis answered with %s,\nwhich is another app (-first +second):\n%s", text, answer, diff)
	}
}

var seeds = []string{
	shop, `{"id":"/a","cmd":"sleep 1"}`, `{"id":"/a","cmd":"sleep 1","ports":[1,2],"uris":["x.zip"],"unreachableStrategy":"disabled"}`,
	`{"ipAddress":{"networkName":"n","discovery":{"ports":[{"number":1,"name":"a"}]}},"cmd":"sleep 1"}`,
	`{"container":{"docker":{"image":"i","network":"USER"}},"resourceLimits":{"cpus":"unlimited"},"residency":{},"check":{"tcp":{"portIndex":0},"a":[1,{"b":null}]}}`,
	`{"container":{"type":"MESOS","volumes":[{"containerPath":"d","persistent":{"size":1}},{"containerPath":"s","secret":"s"}]},"cmd":"sleep 1"}`,
	`{"env":{"A":{"secret":"s"}},"secrets":{"s":{"source":"x"}},"cmd":"sleep 1","gpus":2,"readinessChecks":[{"portName":"default"}]}`,
}

func FuzzApp(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { survive(t, text) })
}

func TestAThousandMalformedBodiesAreSurvived(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := []string{`null`, `-1`, `1e999`, `"x"`, `[]`, `{}`, `[[]]`, `true`, `""`, `99999999999999999999`, `{"a":{"b":[1]}}`, `"\u0000"`}
	for i := range 1000 {
		text := []byte(seeds[i%len(seeds)])
		for range 1 + random.IntN(3) {
			switch at := random.IntN(len(text)); random.IntN(4) {
			case 0: // cut
				text = text[:at+1]
			case 1: // flip a byte
				text[at] = byte(random.UintN(256))
			case 2: // drop a piece
				text = append(text[:at:at], text[min(at+random.IntN(9), len(text)):]...)
			case 3: // another value after some colon
				text = fmt.Appendf(nil, "%s%s%s", text[:at], values[random.IntN(len(values))], text[at:])
			}
			if len(text) == 0 {
				text = []byte("{")
			}
		}
		survive(t, text)
	}
}
