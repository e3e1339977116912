package apps

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ParseAttributes reads what a host is, in Mesos's syntax:
//
//	rack:abc;zone:west;os:centos5;level:10;keys:[1000-15000];langs:{go,c}
//
// Values keep Mesos's text form; a scalar is written with at most three decimals.
func ParseAttributes(s string) (map[string]string, error) {
	out := map[string]string{}
	for _, part := range mesosParts(s) {
		name, value, ok := strings.Cut(part, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" {
			return nil, Errorf(Invalid, "attributes: %q is not NAME:VALUE", part)
		}
		switch value[0] {
		case '[':
			ranges, err := parseRanges(value)
			if err != nil {
				return nil, Errorf(Invalid, "attributes: %s: %v", name, err)
			}
			value = formatRanges(ranges)
		case '{':
			if !strings.HasSuffix(value, "}") {
				return nil, Errorf(Invalid, "attributes: %s: the set %q has no end", name, value)
			}
			items := strings.FieldsFunc(value[1:len(value)-1], func(r rune) bool { return r == ',' || r == ' ' })
			value = "{" + strings.Join(items, ",") + "}"
		default:
			if f, err := strconv.ParseFloat(value, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
				value = strconv.FormatFloat(math.RoundToEven(f*1000)/1000, 'f', -1, 64)
			}
		}
		out[name] = value
	}
	return out, nil
}

// ParseResources reads what a host offers, in Mesos's syntax: cores, MiB and MiB, and
// ranges of host ports:
//
//	cpus:24;mem:24576;disk:409600;gpus:2;ports:[21000-24000,30000-34000]
//
// What is not named is zero, and ports nil.
func ParseResources(s string) (r Resources, ports []Range, err error) {
	for _, part := range mesosParts(s) {
		name, value, ok := strings.Cut(part, ":")
		name, role, reserved := strings.Cut(strings.TrimSpace(name), "(")
		if role = strings.TrimSuffix(role, ")"); reserved && role != "*" {
			return r, nil, Errorf(Invalid, "resources: %s is reserved for a role: say by --default-role which one the whole host belongs to", name)
		}
		value = strings.TrimSpace(value)
		if !ok {
			return r, nil, Errorf(Invalid, "resources: %q is not NAME:VALUE", part)
		}
		if name == "ports" {
			if ports, err = parseRanges(value); err != nil {
				return r, nil, Errorf(Invalid, "resources: ports: %v", err)
			}
			for _, p := range ports {
				if p.First < 1 || p.Last > 65535 {
					return r, nil, Errorf(Invalid, "resources: ports: %d-%d lies outside 1-65535", p.First, p.Last)
				}
			}
			continue
		}
		amount, err := strconv.ParseFloat(value, 64)
		if err != nil || amount < 0 || amount > 1e12 || math.IsNaN(amount) {
			return r, nil, Errorf(Invalid, "resources: %s: %q is not an amount", name, value)
		}
		switch name {
		case "cpus":
			r.CPU = int64(math.Round(amount * 1000))
		case "mem":
			r.Mem = int64(amount)
		case "disk":
			r.Disk = int64(amount)
		case "gpus":
			r.GPU = int64(amount)
		default:
			return r, nil, Errorf(Invalid, "resources: nothing is known of %q: cpus, mem, disk, gpus and ports are", name)
		}
	}
	return r, ports, nil
}

func mesosParts(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// parseRanges reads [1000-1500, 2000-2500, 7] and returns it in order.
func parseRanges(s string) ([]Range, error) {
	if !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]") {
		return nil, fmt.Errorf("%q is not of the form [FIRST-LAST,…]", s)
	}
	var out []Range
	for part := range strings.SplitSeq(s[1:len(s)-1], ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.Atoi(strings.TrimSpace(first))
		b, errB := strconv.Atoi(strings.TrimSpace(last))
		if errA != nil || errB != nil || a > b || a < 0 {
			return nil, fmt.Errorf("%q is not a range FIRST-LAST", strings.TrimSpace(part))
		}
		out = append(out, Range{a, b})
	}
	slices.SortFunc(out, func(a, b Range) int { return a.First - b.First })
	for i := 1; i < len(out); i++ {
		if out[i].First <= out[i-1].Last {
			return nil, fmt.Errorf("the ranges %d-%d and %d-%d overlap", out[i-1].First, out[i-1].Last, out[i].First, out[i].Last)
		}
	}
	return out, nil
}

func formatRanges(ranges []Range) string {
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = fmt.Sprintf("%d-%d", r.First, r.Last)
	}
	return "[" + strings.Join(parts, ",") + "]"
}
