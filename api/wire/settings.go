package wire

// ClusterSettings are what holds for the whole cluster: the answer to GET /pacer/v1/settings.
type ClusterSettings struct {
	Placement  string           `json:"placement"`        // of apps that do not choose by the label PACER_PLACEMENT: spread or pack
	Fairness   string           `json:"fairness"`         // what shares are compared: drf (dominant shares) or tasks (task shares)
	Preemption bool             `json:"preemption"`       // a role below its guarantee may take from roles above their fair share
	Version    string           `json:"version,omitzero"` // when it was set; absent: never
	By         string           `json:"by,omitzero"`
	History    []SettingsBefore `json:"history"` // what was set, newest first
}

// SettingsBefore are settings that were in force, or are.
type SettingsBefore struct {
	Placement  string `json:"placement"`
	Fairness   string `json:"fairness"`
	Preemption bool   `json:"preemption"`
	Version    string `json:"version"`
	By         string `json:"by,omitzero"`
}

// A SettingsUpdate is the body of PUT /pacer/v1/settings: all of it, absent parts are as
// if they were never set.
type SettingsUpdate struct {
	Placement  string `json:"placement,omitzero"`
	Fairness   string `json:"fairness,omitzero"`
	Preemption bool   `json:"preemption,omitzero"`
	Version    string `json:"version,omitzero"` // only if this one is in force
}
