// Package placement answers two questions: who is served next (the role with the
// smallest dominant share: DRF, Ghodsi et al., NSDI 2011) and where (a host that
// passes every filter, and that the policy likes best).
//
// A Board keeps what hosts have and who holds it, incrementally. It never gives a
// host more than it has nor a port twice, its answers do not depend on the order
// of its input, and every refusal has its reasons, which add up to the number of
// hosts. It is pure: one goroutine owns it.
package placement
