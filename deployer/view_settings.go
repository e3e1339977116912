package deployer

import "pacer/apps"

// Settings are what holds for the whole cluster.
func (v *View) Settings() apps.Settings {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.settings
}
