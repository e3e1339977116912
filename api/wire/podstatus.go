package wire

// A PodStatus is a pod with what is known of it now.
type PodStatus struct {
	ID                 string              `json:"id"`
	Spec               Pod                 `json:"spec"`
	Status             string              `json:"status"` // DEGRADED, STABLE or TERMINAL
	StatusSince        string              `json:"statusSince"`
	Message            string              `json:"message,omitzero"`
	Instances          []PodInstanceStatus `json:"instances"`
	TerminationHistory []PodTermination    `json:"terminationHistory"`
	LastUpdated        string              `json:"lastUpdated"`
	LastChanged        string              `json:"lastChanged"`
}

// A PodInstanceStatus is one instance of a pod.
type PodInstanceStatus struct {
	ID            string            `json:"id"`
	Status        string            `json:"status"` // PENDING, STAGING, STABLE, DEGRADED or TERMINAL
	StatusSince   string            `json:"statusSince"`
	Message       string            `json:"message,omitzero"`
	Conditions    []PodCondition    `json:"conditions"`
	AgentHostname string            `json:"agentHostname,omitzero"`
	AgentID       string            `json:"agentId,omitzero"`
	AgentRegion   string            `json:"agentRegion,omitzero"`
	AgentZone     string            `json:"agentZone,omitzero"`
	Resources     *PodResources     `json:"resources,omitzero"`
	Networks      []PodAddress      `json:"networks"`
	Containers    []ContainerStatus `json:"containers"`
	SpecReference string            `json:"specReference"`
	LocalVolumes  []LocalVolume     `json:"localVolumes"`
	LastUpdated   string            `json:"lastUpdated"`
	LastChanged   string            `json:"lastChanged"`
	Role          string            `json:"role"`
}

// A PodAddress is an instance's in one network.
type PodAddress struct {
	Name      string   `json:"name,omitzero"`
	Addresses []string `json:"addresses"`
}

// A PodCondition is something that is or is not so.
type PodCondition struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	Reason      string `json:"reason,omitzero"`
	LastChanged string `json:"lastChanged"`
	LastUpdated string `json:"lastUpdated"`
}

// A ContainerStatus is one container of an instance.
type ContainerStatus struct {
	Name        string                `json:"name"`
	Status      string                `json:"status"` // TASK_…
	StatusSince string                `json:"statusSince"`
	Message     string                `json:"message,omitzero"`
	Conditions  []PodCondition        `json:"conditions"`
	ContainerID string                `json:"containerId,omitzero"`
	Endpoints   []EndpointStatus      `json:"endpoints"`
	Resources   *PodResources         `json:"resources,omitzero"`
	Termination *ContainerTermination `json:"termination,omitzero"`
	LastUpdated string                `json:"lastUpdated"`
	LastChanged string                `json:"lastChanged"`
}

// An EndpointStatus is where an endpoint answers.
type EndpointStatus struct {
	Name              string `json:"name"`
	AllocatedHostPort *int   `json:"allocatedHostPort,omitzero"`
	Healthy           *bool  `json:"healthy,omitzero"`
}

// A ContainerTermination is how a container ended.
type ContainerTermination struct {
	ExitCode *int   `json:"exitCode,omitzero"`
	Message  string `json:"message,omitzero"`
}

// A PodTermination is an instance that ended though nobody asked for it.
type PodTermination struct {
	InstanceID   string                `json:"instanceID"`
	StartedAt    string                `json:"startedAt"`
	TerminatedAt string                `json:"terminatedAt"`
	Message      string                `json:"message,omitzero"`
	Containers   []ContainerTerminated `json:"containers"`
}

// A ContainerTerminated is one container of a PodTermination.
type ContainerTerminated struct {
	ContainerID string                `json:"containerId"`
	Termination *ContainerTermination `json:"termination,omitzero"`
}

// A PodInstance is an instance as the answer to its kill has it.
type PodInstance struct {
	InstanceID          string              `json:"instanceId"`
	State               PodInstanceState    `json:"state"`
	AgentInfo           *PodAgent           `json:"agentInfo,omitzero"`
	RunSpecVersion      string              `json:"runSpecVersion"`
	UnreachableStrategy UnreachableStrategy `json:"unreachableStrategy"`
}

// A PodInstanceState is where a PodInstance stood.
type PodInstanceState struct {
	Condition   string `json:"condition"`
	Since       string `json:"since"`
	ActiveSince string `json:"activeSince,omitzero"`
	Healthy     *bool  `json:"healthy,omitzero"`
	Goal        string `json:"goal"`
}

// A PodAgent is the host of a PodInstance.
type PodAgent struct {
	Host       string   `json:"host"`
	AgentID    string   `json:"agentId"`
	Region     string   `json:"region,omitzero"`
	Zone       string   `json:"zone,omitzero"`
	Attributes []string `json:"attributes"`
}
