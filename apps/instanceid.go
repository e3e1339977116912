package apps

// The 48 bits of a serial are mixed one to one into the front of an instance's UUID
// (version 8, RFC 9562), so ids are unique and differ where eyes look.
const (
	serialMask = 1<<48 - 1
	mixA       = 0x9E3779B97F4B // odd: a bijection modulo 2^48
	mixB       = 0xC2B2AE3D27D5
	unmixA     = 0x393DEE219263 // mixA × unmixA = 1, modulo 2^48
	unmixB     = 0x397BCFE0D97D
)

// InstanceID makes the id of the serial-th instance of a cluster. It has the form
// of Marathon's ids.
func InstanceID(app ID, cluster, serial uint64) string {
	x := serial * mixA & serialMask
	x ^= x >> 24
	x = x * mixB & serialMask
	id := make([]byte, 0, len(app)+len(uuidTail)) // a launch makes a million of them
	for i := range len(app) {
		switch c := app[i]; {
		case c != '/':
			id = append(id, c)
		case i > 0:
			id = append(id, '_')
		}
	}
	id = append(id, ".instance-"...)
	id = append(appendHex(id, x>>16, 8), '-')
	id = append(appendHex(id, x&0xffff, 4), "-8"...)
	id = append(appendHex(id, cluster>>52, 3), '-')
	id = append(appendHex(id, 0x8000|cluster>>36&0x3fff, 4), '-')
	return string(appendHex(id, cluster&serialMask, 12))
}

// uuidTail is what every instance's id ends with, but for the digits.
const uuidTail = ".instance-00000000-0000-8000-0000-000000000000"

// SerialOf is the serial in an instance's id; ok is false for what is no such id.
func SerialOf(id string) (serial uint64, ok bool) {
	if len(id) < len(uuidTail) {
		return 0, false
	}
	id = id[len(id)-len(uuidTail)+len(".instance-"):]
	var x uint64
	for i := range len("00000000-0000") {
		switch c := id[i]; {
		case i == len("00000000"):
			if c != '-' {
				return 0, false
			}
		case c >= '0' && c <= '9':
			x = x<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			x = x<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	x = x * unmixB & serialMask
	x ^= x >> 24
	return x * unmixA & serialMask, true
}

func appendHex(b []byte, x uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, "0123456789abcdef"[x>>(4*i)&15])
	}
	return b
}
