package store

import (
	"fmt"
	"testing"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

func BenchmarkCommitOneApp(b *testing.B) {
	benchmark(b, func(b *testing.B, d *DB, l *Lease) {
		for seq := uint64(1); b.Loop(); seq++ {
			app := &apps.App{ID: "/shop/web", Version: apps.Version(seq), Instances: 3, Cmd: "sleep 1000", Env: map[string]string{"A": "b"}}
			commit(b, d, l, cluster.Changes{
				Apps:        []*apps.App{app},
				Deployments: []apps.Deployment{{ID: "d", Version: app.Version, State: apps.DeploymentRunning, Started: today}},
				Notices:     cluster.NoticesOf(apps.Notice{Seq: seq, At: today, Type: "api_post_event", App: app.ID, Spec: app}),
			})
		}
	})
}

// Each commit is a new version of each app, and trims the versions before.
func BenchmarkCommit1000Apps(b *testing.B) {
	benchmark(b, func(b *testing.B, d *DB, l *Lease) {
		for version := apps.Version(1); b.Loop(); version++ {
			var c cluster.Changes
			for n := range 1000 {
				c.Apps = append(c.Apps, &apps.App{ID: apps.ID(fmt.Sprintf("/g/app%d", n)), Version: version, Cmd: "sleep 1000"})
			}
			commit(b, d, l, c)
		}
	})
}

func BenchmarkCommit10000Instances(b *testing.B) {
	c := manyInstances(10_000)
	benchmark(b, func(b *testing.B, d *DB, l *Lease) {
		for b.Loop() {
			commit(b, d, l, c)
		}
		b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "instances/s")
	})
}

func BenchmarkLoad100000Instances(b *testing.B) {
	c := manyInstances(100_000)
	benchmark(b, func(b *testing.B, d *DB, l *Lease) {
		commit(b, d, l, c)
		for b.Loop() {
			load(b, d)
		}
	})
}

func benchmark(b *testing.B, f func(b *testing.B, d *DB, l *Lease)) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + b.TempDir() + "/pacer.db" },
		"postgres": func() string { return newDatabase(b) },
	} {
		b.Run(name, func(b *testing.B) {
			d := open(b, url())
			l, err := d.Lead(b.Context(), "bench", "", time.Minute)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = l.Release(b.Context()) })
			f(b, d, l)
		})
	}
}
