package apps

// Settings are what holds for the whole cluster. The zero value is a cluster of which
// nothing was ever set.
type Settings struct {
	Placement string `json:"placement,omitempty"` // of apps that do not choose: PlaceSpread or PlacePack; empty: PlaceSpread
	Fairness  string `json:"fairness,omitempty"`  // what shares are compared: FairDRF or FairTasks; empty: FairDRF
	// Preemption: a role below its guarantee may take from roles above their fair share.
	Preemption bool    `json:"preemption,omitempty"`
	Version    Version `json:"version,omitempty"` // when it was set; 0: never
	By         string  `json:"by,omitempty"`      // who set it
}

// Where instances go.
const (
	PlaceSpread = "spread" // over zones, then hosts
	PlacePack   = "pack"   // on the fullest host that takes them
)

// What shares of the cluster are compared.
const (
	FairDRF   = "drf"   // dominant shares
	FairTasks = "tasks" // task shares
)
