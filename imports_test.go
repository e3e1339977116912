package pacer

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms says which of our packages each room may import, and why not more.
var rooms = map[string]struct {
	may []string
	why string
}{
	"apps":               {nil, "the nouns know nobody"},
	"loop":               {nil, "the loop does not know what it runs"},
	"migrations":         {nil, "the schema is text"},
	"ui":                 {nil, "the pages use the public API like anyone else"},
	"deployer/placement": {[]string{"apps"}, "who and where are decided from nouns alone"},
	"deployer/cluster":   {[]string{"apps", "deployer/placement"}, "decisions do no I/O"},
	"healthcheck":        {[]string{"apps"}, "checks know apps, not who runs them"},
	"agent":              {[]string{"apps", "healthcheck", "loop"}, "an agent works without server and store"},
	"agent/docker":       {[]string{"apps", "agent", "agent/fetch"}, "the engine's adapter carries no policy"},
	"agent/fetch":        {[]string{"apps"}, "a sandbox is filled without knowing who runs in it"},
	"lb":                 {[]string{"apps"}, "the data path needs no control plane"},
	"discovery":          {[]string{"apps"}, "names are answered without a control plane"},
	"bus":                {[]string{"apps"}, "the bus carries nouns"},
	"store":              {[]string{"apps", "deployer/cluster", "migrations"}, "the store keeps what the core changed, and asks nobody"},
	"deployer":           {[]string{"apps", "deployer/cluster", "deployer/placement", "loop", "store"}, "the loop hears and speaks through its caller: only cmd joins it to the bus"},
	"api":                {[]string{"apps", "deployer/cluster", "deployer", "api/wire"}, "the door asks the loop; it decides nothing"},
	"api/wire":           {[]string{"apps"}, "Marathon's JSON ends here"},
	"api/client":         {[]string{"apps", "api/wire"}, "a client knows what travels, not how it is served"},
	"sim":                {[]string{"apps", "deployer/cluster", "deployer/placement", "agent", "lb", "healthcheck"}, "the simulator lives the deciders, not the edges"},
}

func TestEveryRoomKnowsOnlyWhomItMay(t *testing.T) {
	for _, pkg := range packages(t) {
		name := strings.TrimPrefix(pkg.ImportPath, "pacer/")
		room, guarded := rooms[name]
		for _, path := range pkg.Imports {
			to, ours := strings.CutPrefix(path, "pacer/")
			switch {
			case !ours:
			case strings.HasPrefix(to, "cmd/") || to == "sim" && name != "sim":
				t.Errorf("%s imports %s: nothing imports that", name, to)
			case guarded && !slices.Contains(room.may, to):
				t.Errorf("%s must not import %s: %s", name, to, room.why)
			}
		}
	}
}

func TestEveryPackageSaysWhatItPromises(t *testing.T) {
	for _, pkg := range packages(t) {
		if pkg.Doc == "" && len(pkg.GoFiles) > 0 {
			t.Errorf("%s has no package comment", pkg.ImportPath)
		}
	}
}

type listed struct {
	ImportPath, Doc  string
	Imports, GoFiles []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
