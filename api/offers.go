package api

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// A spare is what the instances on a host leave of it.
type spare struct {
	resources apps.Resources
	taken     []int // host ports
}

// unusedOffers is the hosts that refused an app, in Marathon's words: each with what it
// has left and with the reason that counts it in the summary. Of each reason the first
// hosts are named, as the explanation of the app does. left keeps what was found out of
// hosts for the next app.
func (l *lookup) unusedOffers(wait cluster.Wait, left map[string]*spare) []wire.UnusedOffer {
	out := []wire.UnusedOffer{}
	for _, reason := range wait.Reasons {
		for _, name := range reason.Names {
			h, ok := l.Host(name)
			if !ok {
				continue // forgotten since
			}
			if len(left) == 0 {
				l.spares(left)
			}
			out = append(out, wire.UnusedOffer{Offer: offer(&h, left[name]), Reason: []string{marathonReason(reason.Reason)}, Timestamp: stamp(l.now)})
		}
	}
	return out
}

// spares fills left for all hosts.
func (l *lookup) spares(left map[string]*spare) {
	for _, h := range l.Hosts() {
		left[h.Name] = &spare{resources: h.Total}
	}
	for _, app := range l.Specs() {
		for _, in := range l.InstancesOf(app.ID) {
			if s := left[in.Host]; s != nil && launched(&in) {
				s.resources = s.resources.Minus(in.Needs)
				s.taken = append(s.taken, in.Ports...)
			}
		}
	}
}

func offer(h *apps.Host, left *spare) wire.Offer {
	if left == nil { // it has come this moment
		left = &spare{resources: h.Total}
	}
	role := h.Role
	if role == "" {
		role = "*"
	}
	amount := func(name string, n float64) wire.OfferResource {
		return wire.OfferResource{Name: name, Role: role, Scalar: new(max(n, 0))}
	}
	out := wire.Offer{
		ID: h.Name, AgentID: h.Name, Hostname: h.Addr, Attributes: []wire.OfferAttribute{},
		Resources: []wire.OfferResource{
			amount("cpus", float64(left.resources.CPU)/1000), amount("mem", float64(left.resources.Mem)), amount("disk", float64(left.resources.Disk)),
			{Name: "ports", Role: role, Ranges: freePorts(h.Ports, left.taken)},
		},
	}
	if h.Total.GPU > 0 {
		out.Resources = append(out.Resources, amount("gpus", float64(left.resources.GPU)))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Attributes)) {
		out.Attributes = append(out.Attributes, offerAttribute(name, h.Attributes[name]))
	}
	return out
}

// freePorts is the ranges of a host without the ports that are taken.
func freePorts(ranges []apps.Range, taken []int) []wire.PortRange {
	slices.Sort(taken)
	out := []wire.PortRange{}
	for _, r := range ranges {
		begin := int64(r.First)
		for _, port := range taken {
			if p := int64(port); p >= begin && p <= int64(r.Last) {
				if p > begin {
					out = append(out, wire.PortRange{Begin: begin, End: p - 1})
				}
				begin = p + 1
			}
		}
		if begin <= int64(r.Last) {
			out = append(out, wire.PortRange{Begin: begin, End: int64(r.Last)})
		}
	}
	return out
}

// offerAttribute reads the text of an attribute as Mesos does: a number, ranges like
// [1-5,7-9], or else text.
func offerAttribute(name, text string) wire.OfferAttribute {
	if n, err := strconv.ParseFloat(text, 64); err == nil && n-n == 0 { // finite
		return wire.OfferAttribute{Name: name, Scalar: &n}
	}
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		if ranges, ok := parseRanges(strings.TrimSuffix(inner, "]")); ok {
			return wire.OfferAttribute{Name: name, Ranges: ranges}
		}
	}
	return wire.OfferAttribute{Name: name, Text: &text}
}

func parseRanges(text string) (list []wire.PortRange, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, _ := strings.Cut(strings.TrimSpace(part), "-")
		begin, err1 := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
		end, err2 := strconv.ParseInt(strings.TrimSpace(last), 10, 64)
		if err1 != nil || err2 != nil {
			return nil, false
		}
		list = append(list, wire.PortRange{Begin: begin, End: end})
	}
	return list, true
}

// marathonReason is Marathon's word for a reason.
func marathonReason(reason string) string {
	if slices.Contains(funnel, reason) {
		return reason
	}
	return "DeclinedScarceResources"
}
