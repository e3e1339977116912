package api

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"pacer/api/wire"
)

// hostPort is the address in a URL, as Marathon writes leaders.
func hostPort(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Host
	}
	return raw
}

func (d *door) getInfo(w http.ResponseWriter, r *http.Request) error {
	leader, elected := d.Deployer.Leader()
	port := 8080
	host, text, err := net.SplitHostPort(d.Address)
	if err == nil {
		port, _ = strconv.Atoi(text)
	}
	info := wire.Info{
		Name: "marathon", Version: d.Version, BuildRef: "pacer", Elected: elected && leader.Self,
		FrameworkID: "pacer", HTTPConfig: wire.HTTPConfig{HTTPPort: port, HTTPSPort: 0},
		MarathonConfig: map[string]any{
			"access_control_allow_origin":        append([]string{}, d.AllowOrigins...),
			"checkpoint":                         true,
			"executor":                           "//cmd",
			"failover_timeout":                   0,
			"features":                           append([]string{}, d.Wire.Features...),
			"framework_name":                     "pacer",
			"ha":                                 true,
			"hostname":                           host,
			"launch_token":                       0,
			"launch_token_refresh_interval":      0,
			"leader_proxy_connection_timeout_ms": 2000,
			"leader_proxy_read_timeout_ms":       int((d.Answer).Milliseconds()) + 10000,
			"local_port_min":                     10000,
			"local_port_max":                     20000,
			"master":                             "",
			"max_instances_per_offer":            0,
			"mesos_bridge_name":                  "mesos-bridge",
			"mesos_heartbeat_failure_threshold":  5,
			"mesos_heartbeat_interval":           1000,
			"mesos_leader_ui_url":                "",
			"mesos_role":                         "*",
			"mesos_user":                         "root",
			"min_revive_offers_interval":         0,
			"offer_matching_timeout":             0,
			"on_elected_prepare_timeout":         0,
			"reconciliation_initial_delay":       0,
			"reconciliation_interval":            1000,
			"revive_offers_for_new_apps":         true,
			"revive_offers_repetitions":          0,
			"scale_apps_initial_delay":           0,
			"scale_apps_interval":                0,
			"store_cache":                        true,
			"marathon_store_timeout":             0,
			"task_launch_confirm_timeout":        0,
			"task_launch_timeout":                0,
			"task_lost_expunge_initial_delay":    0,
			"task_lost_expunge_interval":         0,
			"task_reservation_timeout":           0,
			"webui_url":                          "",
		},
		ZookeeperConfig: map[string]any{
			"zk": "", "zk_timeout": 10000, "zk_session_timeout": 10000, "zk_connection_timeout": 10000, "zk_max_versions": 50,
			"zk_compression": false, "zk_compression_threshold": 0, "zk_max_node_size": 0,
		},
	}
	if d.Wire.DefaultNetwork != "" {
		info.MarathonConfig["default_network_name"] = d.Wire.DefaultNetwork
	}
	if elected {
		info.Leader = hostPort(leader.URL)
	}
	return d.ok(w, info)
}

var errNoLeader = &httpError{http.StatusNotFound, "There is no leader"}

func (d *door) getLeader(w http.ResponseWriter, r *http.Request) error {
	l, ok := d.Deployer.Leader()
	if !ok {
		return errNoLeader
	}
	return d.ok(w, wire.Leader{Leader: hostPort(l.URL)})
}

func (d *door) getPacerLeader(w http.ResponseWriter, r *http.Request) error {
	l, ok := d.Deployer.Leader()
	if !ok {
		return errNoLeader
	}
	return d.ok(w, wire.LeaderInfo{Name: l.Name, URL: l.URL, Epoch: l.Epoch, Self: l.Self})
}

// abdicate answers first: nobody is left to answer afterwards.
func (d *door) abdicate(w http.ResponseWriter, r *http.Request) error {
	if l, ok := d.Deployer.Leader(); !ok || !l.Self {
		return errNoLeader
	}
	d.writeJSON(w, http.StatusOK, wire.Message{Message: "Leadership abdicated"})
	_ = http.NewResponseController(w).Flush()
	d.Deployer.Abdicate()
	return nil
}

func (d *door) listPlugins(w http.ResponseWriter, r *http.Request) error {
	return d.ok(w, wire.Plugins{Plugins: []json.RawMessage{}})
}

func (d *door) noPlugin(w http.ResponseWriter, r *http.Request) {
	d.refuse(w, r, &httpError{http.StatusNotFound, "No plugin with this pluginId: " + chi.URLParam(r, "id")})
}
