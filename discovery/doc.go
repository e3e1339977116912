// Package discovery tells names from the leader's services: DNS and HTTP look-ups of
// where an app's instances answer. Like the load balancer it believes the last
// letters it got, even when nobody has spoken to it for an hour.
//
//	letters ─▶ Directory ─▶ zone (what a name means) ─▶ DNS (packets)
//	                                                 └▶ DNS.HTTP (Mesos-DNS's JSON)
//
// A [Directory] has one immutable record per app, replaced whole. The zone gives the
// records names; which names, is in names.go alone. Below the domain (here pacer) an
// app /shop/web has
//
//	web.shop.pacer               A, AAAA  the hosts of its ready instances
//	ID.web.shop.pacer            A, AAAA  the host of one instance
//	_web.shop._tcp.pacer         SRV      all its ports of that protocol (_udp likewise)
//	_NAME._web.shop._tcp.pacer   SRV      the port of that name
//	web.shop.lb.pacer            A, AAAA  the load balancers
//
// Beside them are the names of the cluster itself, as the leader tells them, each only
// where no app has it:
//
//	leader.pacer                 A, AAAA  the leader's API
//	_leader._tcp.pacer           SRV      the same (_udp likewise)
//	master.pacer                 A, AAAA  the APIs of all servers; master0.pacer, … one each
//	slave.pacer                  A, AAAA  all hosts
//
// For the domain marathon.mesos they are below mesos too, where Mesos-DNS has them, with
// ns1.mesos, and marathon.mesos is the leader's API (_framework._tcp.marathon.mesos, SRV).
//
// Suspect endpoints, those of a silent host, are told only where no others are.
package discovery
