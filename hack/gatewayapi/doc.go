// Package gatewayapi pins the Gateway API, whose definitions of HTTPRoute and BackendTLSPolicy the tests of the chart take from the module that
// it imports. It is a module of its own, so that the operator depends on none of it.
package gatewayapi

import _ "sigs.k8s.io/gateway-api/apis/v1" // the module that has the definitions
