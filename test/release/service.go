package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Service forwards connections to the pods that are ready, each to the next one.
type Service struct {
	// Address is where clients connect.
	Address  string
	release  *Release
	selector labels.Selector
	// port is the name of the pods' port.
	port     string
	listener net.Listener
	group    sync.WaitGroup

	mu   sync.Mutex
	next int
	open map[net.Conn]bool
}

// Serve makes the Service of that name, of one port, reachable on loopback.
func (r *Release) Serve(ctx context.Context, name string) (*Service, error) {
	stated := &corev1.Service{}
	if err := r.Kube.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: name}, stated); err != nil {
		return nil, err
	}
	if len(stated.Spec.Ports) != 1 {
		return nil, fmt.Errorf("the Service %s has %d ports, and not one", name, len(stated.Spec.Ports))
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Service %s: %w", name, err)
	}
	s := &Service{
		Address: listener.Addr().String(), release: r, selector: labels.SelectorFromSet(stated.Spec.Selector),
		port: stated.Spec.Ports[0].TargetPort.String(), listener: listener, open: map[net.Conn]bool{},
	}
	s.group.Go(s.accept)
	return s, nil
}

// Close cuts all connections off.
func (s *Service) Close() {
	s.listener.Close()
	s.mu.Lock()
	for connection := range s.open {
		connection.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

func (s *Service) accept() {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.group.Go(func() { s.forward(connection) })
	}
}

// forward carries bytes both ways until either side closes. With no pod to forward to, or one that does not listen, the connection is
// refused.
func (s *Service) forward(client net.Conn) {
	defer s.hold(client)()
	address, err := s.pick()
	if err != nil {
		return
	}
	var dialer net.Dialer
	pod, err := dialer.Dial("tcp", address)
	if err != nil {
		return
	}
	defer s.hold(pod)()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{pod, client}, {client, pod}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			if half, ok := way[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		})
	}
	both.Wait()
}

// hold remembers a connection until the function that it returns closes it.
func (s *Service) hold(connection net.Conn) func() {
	s.mu.Lock()
	s.open[connection] = true
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		delete(s.open, connection)
		s.mu.Unlock()
		connection.Close()
	}
}

var errNoEndpoint = errors.New("no pod is ready")

// pick takes turns.
func (s *Service) pick() (string, error) {
	s.release.mu.Lock()
	pods := slices.Clone(s.release.pods)
	s.release.mu.Unlock()
	pods = slices.DeleteFunc(pods, func(pod *Pod) bool { return !pod.endpoint.Load() || !s.selector.Matches(labels.Set(pod.labels)) })
	if len(pods) == 0 {
		return "", errNoEndpoint
	}
	s.mu.Lock()
	s.next++
	pod := pods[s.next%len(pods)]
	s.mu.Unlock()
	return pod.Address(s.port)
}
