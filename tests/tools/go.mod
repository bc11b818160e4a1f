// What tests/fetch_tools.py builds from Go modules; go.sum pins them to the byte.
module vpcwire/tests/tools

go 1.24

tool github.com/containernetworking/cni/cnitool

require github.com/containernetworking/cni v1.3.0 // indirect
