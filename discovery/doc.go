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
// Suspect endpoints, those of a silent host, are told only where no others are.
package discovery
