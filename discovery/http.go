package discovery

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"pacer/apps"
)

// HTTP is Mesos-DNS's look-ups: GET /v1/hosts/{host}, /v1/services/{service},
// /v1/enumerate, /v1/version, /v1/config.
func (d *DNS) HTTP() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/hosts/{host}", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, d.hosts(r.PathValue("host"))) })
	mux.HandleFunc("GET /v1/services/{service}", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, d.services(r.PathValue("service"))) })
	mux.HandleFunc("GET /v1/enumerate", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, d.enumerate()) })
	mux.HandleFunc("GET /v1/version", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]string{"Service": "Pacer", "Version": d.version, "URL": ""})
	})
	mux.HandleFunc("GET /v1/config", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, d.config()) })
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

type hostAnswer struct {
	Host string `json:"host"`
	IP   string `json:"ip"`
}

type serviceAnswer struct {
	Service string `json:"service"`
	Host    string `json:"host"`
	IP      string `json:"ip"`
	Port    string `json:"port"`
}

// hosts is the addresses of a name. As in Mesos-DNS, nothing found is one empty object.
func (d *DNS) hosts(host string) []hostAnswer {
	name := dns.CanonicalName(host)
	var all []hostAnswer
	if a, ours := d.find(name); ours {
		for _, addr := range a.addrs {
			all = append(all, hostAnswer{Host: name, IP: addr.String()})
		}
	}
	if all == nil {
		all = []hostAnswer{{}}
	}
	return all
}

// services is the targets of an SRV name; nothing found is one empty object.
func (d *DNS) services(service string) []serviceAnswer {
	name := dns.CanonicalName(service)
	var all []serviceAnswer
	if a, ours := d.find(name); ours {
		for _, t := range a.srv {
			all = append(all, serviceAnswer{Service: name, Host: t.host, IP: t.ip, Port: strconv.Itoa(t.port)})
		}
	}
	if all == nil {
		all = []serviceAnswer{{}}
	}
	return all
}

// framework and mesosDomain are what Mesos-DNS calls the parts of a domain like
// marathon.mesos; another domain is all of it.
func (d *DNS) framework() string {
	if strings.HasPrefix(d.domainName(), "marathon.") {
		return "marathon"
	}
	return "pacer"
}

func (d *DNS) mesosDomain() string { return strings.TrimPrefix(d.domainName(), "marathon.") }

// config is what of the configuration means something in Mesos-DNS's words.
func (d *DNS) config() map[string]any {
	resolvers := []string{}
	if d.upstreams != nil {
		resolvers = d.upstreams.addrs
	}
	soa := d.soa()
	return map[string]any{
		"Domain": d.mesosDomain(), "TTL": int(d.ttl.Seconds()), "RefreshSeconds": 0,
		"Resolvers": resolvers, "ExternalOn": d.upstreams != nil, "DNSOn": true, "HTTPOn": true,
		"SOAMname": soa.Ns, "SOARname": soa.Mbox, "SOASerial": soa.Serial, "SOARefresh": soa.Refresh,
		"SOARetry": soa.Retry, "SOAExpire": soa.Expire, "SOAMinttl": soa.Minttl,
	}
}

type enumeration struct {
	Frameworks []enumFramework `json:"frameworks"`
}

type enumFramework struct {
	Name  string     `json:"name"`
	Tasks []enumTask `json:"tasks"`
}

type enumTask struct {
	Name    string       `json:"name"`
	ID      string       `json:"id"`
	Records []enumRecord `json:"records"`
}

type enumRecord struct {
	Name  string `json:"name"`
	Host  string `json:"host"`
	Rtype string `json:"rtype"`
}

// enumerate is every record there is, by instance.
func (d *DNS) enumerate() enumeration {
	tasks := []enumTask{}
	for _, r := range d.dir.all() {
		for _, e := range r.endpoints {
			in := apps.Instance{ID: e.Instance}
			task := enumTask{Name: r.name, ID: in.TaskID(), Records: []enumRecord{}}
			names := []string{r.name, join(e.label, r.name)}
			if flat := flatName(r.name); flat != r.name {
				names = append(names, flat)
			}
			for _, name := range names {
				if e.addr.IsValid() {
					rtype := "AAAA"
					if e.addr.Is4() {
						rtype = "A"
					}
					task.Records = append(task.Records, enumRecord{d.absolute(name), e.addr.String(), rtype})
				}
			}
			for i, p := range r.service.Ports {
				if i >= len(e.Ports) || e.Ports[i] <= 0 {
					continue
				}
				target := d.absolute(join(e.label, r.name)) + ":" + strconv.Itoa(e.Ports[i])
				for protocol := range strings.SplitSeq(p.Protocol, ",") {
					task.Records = append(task.Records, enumRecord{d.absolute(serviceName("", r.name, protocol)), target, "SRV"})
					if p.Name != "" {
						task.Records = append(task.Records, enumRecord{d.absolute(serviceName(p.Name, r.name, protocol)), target, "SRV"})
					}
				}
			}
			tasks = append(tasks, task)
		}
	}
	return enumeration{Frameworks: []enumFramework{{Name: d.framework(), Tasks: tasks}}}
}
