package wire

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

var fuzzed = Settings{DefaultNetwork: "net", Features: []string{"secrets", "gpu_resources", "external_volumes"}}

// inWords fails unless what was refused can be told to a user.
func inWords(t *testing.T, text []byte, err error) {
	t.Helper()
	if _, ok := err.(*apps.Error); !ok {
		t.Fatalf("%q: want an *apps.Error, got %T: %v", text, err, err)
	}
}

// FuzzPod reads anything as a pod: it is refused in words, or what is answered is the same
// pod when it is sent back.
func FuzzPod(f *testing.F) {
	for _, seed := range []string{
		`{"id":"/p","containers":[{"name":"a","resources":{"cpus":0.1,"mem":32},"exec":{"command":{"shell":"sleep 1"}}}]}`,
		`{"id":"/p","networks":[{"mode":"container/bridge"}],"volumes":[{"name":"v","host":"/h"},{"name":"w"}],"scaling":{"instances":3},"user":"u","labels":{"a":"b"},"environment":{"A":"b"},
		 "containers":[{"name":"a","image":{"kind":"DOCKER","id":"i","forcePull":true},"resources":{"cpus":0.5,"mem":32.5,"disk":1},"endpoints":[{"name":"http","containerPort":80,"hostPort":0,"protocol":["tcp","udp"]}],
		 "healthCheck":{"http":{"endpoint":"http","path":"/","scheme":"HTTPS"},"gracePeriodSeconds":1},"volumeMounts":[{"name":"v","mountPath":"/m","readOnly":true},{"name":"w","mountPath":"w"}],"lifecycle":{"killGracePeriodSeconds":1.5}},
		 {"name":"b","tty":true,"exec":{"command":{"argv":["a","b c"]},"overrideEntrypoint":true},"resources":{"cpus":1,"mem":64},"healthCheck":{"exec":{"command":{"argv":["it's","x"]}}},"artifacts":[{"uri":"http://h/a.tgz"}]}]}`,
		`{"id":"/p","role":"dev","scheduling":{"backoff":{"backoff":0.5,"backoffFactor":1.1,"maxLaunchDelay":9},"upgrade":{"minimumHealthCapacity":0.5,"maximumOverCapacity":0.1},"killSelection":"OLDEST_FIRST",
		 "placement":{"constraints":[{"fieldName":"hostname","operator":"unique"},{"fieldName":"rack","operator":"LIKE","value":"a.*"}],"acceptedResourceRoles":["*"]},"unreachableStrategy":"disabled"},
		 "containers":[{"name":"a","resources":{"cpus":0.1,"mem":32},"image":{"kind":"DOCKER","id":"i"},"endpoints":[{"name":"x","hostPort":9000}],"healthCheck":{"tcp":{"endpoint":"x"}}}]}`,
		`{"id":"/p","containers":[]}`, `{"containers":[{"healthCheck":{"http":{"endpoint":"nowhere"}}}]}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p Pod
		if _, err := Read(text, &p); err != nil {
			inWords(t, text, err)
			return
		}
		spec, err := p.Spec(fuzzed)
		if err != nil {
			inWords(t, text, err)
			return
		}
		if !(apps.Resources{}).Fits(spec.Needs) {
			t.Fatalf("%q needs %+v", text, spec.Needs)
		}
		answer, err := json.Marshal(FromPod(spec))
		if err != nil {
			t.Fatalf("%q: accepted but cannot be answered: %v", text, err)
		}
		var again Pod
		if _, err := Read(answer, &again); err != nil {
			t.Fatalf("%q\nis answered with %s,\nwhich is not read: %v %+v", text, answer, err, detailsOf(err))
		}
		second, err := again.Spec(fuzzed)
		if err != nil {
			t.Fatalf("%q\nis answered with %s,\nwhich is refused: %v %+v", text, answer, err, detailsOf(err))
		}
		if diff := cmp.Diff(spec, second); diff != "" {
			t.Fatalf("%q\nis answered with %s,\nwhich is another pod (-first +second):\n%s", text, answer, diff)
		}
	})
}

// FuzzJob reads anything as a job with its schedules: it is refused in words, or what is
// answered is the same job when it is sent back.
func FuzzJob(f *testing.F) {
	for _, seed := range []string{
		`{"id":"nightly.backup","run":{"cpus":0.1,"mem":32,"disk":0,"cmd":"sleep 1"}}`,
		`{"id":"a","description":"d","labels":{"x":"y"},"dependencies":[{"id":"b"}],"run":{"cpus":0.5,"mem":64.5,"disk":1,"args":["a"],"user":"u","env":{"A":"b","S":{"secret":"s"}},"secrets":{"s":{"source":"x"}},
		 "docker":{"image":"i","forcePullImage":true,"privileged":true,"parameters":[{"key":"k","value":"v"}]},"volumes":[{"containerPath":"/c","hostPath":"/h","mode":"RO"}],"artifacts":[{"uri":"http://h/a","cache":true}],
		 "placement":{"constraints":[{"attribute":"rack","operator":"EQ","value":"a"},{"attribute":"r","operator":"LIKE","value":"a.*"}]},"maxLaunchDelay":60,"taskKillGracePeriodSeconds":5,"restart":{"policy":"ON_FAILURE","activeDeadlineSeconds":9}},
		 "schedules":[{"id":"s","cron":"0 */2 * * mon-fri","timezone":"Europe/Berlin","concurrencyPolicy":"FORBID","enabled":false,"startingDeadlineSeconds":60},{"id":"t","cron":"* * * * *"}]}`,
		`{"id":"u","run":{"cpus":1,"mem":32,"disk":0,"gpus":2,"ucr":{"image":{"id":"i","kind":"docker"},"privileged":true},"networks":[{"mode":"container"}]}}`,
		`{"id":"x","run":{"cpus":1,"mem":32,"disk":0,"cmd":"a","networks":[{"name":"n","mode":"host"}],"volumes":[{"containerPath":"x","secret":"s"}]},"schedules":[{"id":"s","cron":"61 * * * *"}]}`,
		`{"run":null}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		job, err := makeJob(text)
		if err != nil {
			inWords(t, text, err)
			return
		}
		wired := FromJob(job)
		for _, s := range job.Schedules {
			wired.Schedules = append(wired.Schedules, FromSchedule(s, s.Mark))
		}
		answer, err := json.Marshal(wired)
		if err != nil {
			t.Fatalf("%q: accepted but cannot be answered: %v", text, err)
		}
		second, err := makeJob(answer)
		if err != nil {
			t.Fatalf("%q\nis answered with %s,\nwhich is refused: %v %+v", text, answer, err, detailsOf(err))
		}
		if diff := cmp.Diff(job, second); diff != "" {
			t.Fatalf("%q\nis answered with %s,\nwhich is another job (-first +second):\n%s", text, answer, diff)
		}
	})
}

func makeJob(text []byte) (*apps.Job, error) {
	var j Job
	if _, err := Read(text, &j); err != nil {
		return nil, err
	}
	job, err := j.Make(fuzzed, "")
	if err != nil {
		return nil, err
	}
	job.Schedules, err = j.MakeSchedules()
	return job, err
}
