package apps

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTheIDOfAnInstanceTellsItsSerial(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range uint64(10_000) {
		serial := i
		if i%2 == 0 {
			serial = rng.Uint64() & serialMask
		}
		cluster := rng.Uint64()
		id := InstanceID("/shop/web-1", cluster, serial)
		if !strings.HasPrefix(id, "shop_web-1.instance-") || strings.Contains(id, "/") {
			t.Fatal(id)
		}
		if got, ok := SerialOf(id); !ok || got != serial {
			t.Fatalf("%s is of %d, not of %d (%v)", id, serial, got, ok)
		}
	}
	if got := InstanceID("/shop/web", 0x1c5f5dfd0b4c, 17); got != "shop_web.instance-"+mixed(17)+"-8000-81c5-1c5f5dfd0b4c" {
		t.Errorf("the form of ids has changed: %s", got)
	}
	for _, id := range []string{"", "web", "web.instance-1", "x.instance-0000000g-0000-8000-0000-000000000000", "x.instance-000000000000-8000-0000-000000000000-"} {
		if serial, ok := SerialOf(id); ok {
			t.Errorf("%q is no id, but has the serial %d", id, serial)
		}
	}
}

// mixed is the front of the id, worked out the long way.
func mixed(serial uint64) string {
	x := serial * mixA % (1 << 48)
	x = (x ^ x>>24) * mixB % (1 << 48)
	hex := appendHex(nil, x, 12)
	return string(hex[:8]) + "-" + string(hex[8:])
}
