package wire

// Volumes is the answer to GET /pacer/v1/volumes.
type Volumes struct {
	Volumes []VolumeSet `json:"volumes"`
}

// A VolumeSet is the persistent volumes of one instance. They outlive it: who comes
// next takes them over on the same host.
type VolumeSet struct {
	ID       string    `json:"id"` // the instance that they were made for
	App      string    `json:"app"`
	Host     string    `json:"host"`
	Paths    []string  `json:"paths"`             // container paths
	Instance string    `json:"instance,omitzero"` // that has them now
	State    string    `json:"state"`             // attached, detached or wiping
	Reserved Resources `json:"reserved"`          // kept free for them on the host
	Since    string    `json:"since"`
}
