package api

import "pacer/deployer"

// FromDeployer lets the door use the real event loop.
func FromDeployer(d *deployer.Deployer) Deployer { return eventLoop{d} }

type eventLoop struct{ *deployer.Deployer }

// View is an interface here, and nil has to stay nil on the way into it.
func (l eventLoop) View() View {
	if v := l.Deployer.View(); v != nil {
		return v
	}
	return nil
}
