package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
)

// echo reads a body to its end, as far as it may, and answers with what came of it.
func echo(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if err := failure(r.Context(), &call{}, err).write(w, r); err != nil {
			t.Logf("answering a slow client: %v", err)
		}
	})
}

func TestR6SlowClientsAreCutOff(t *testing.T) {
	const each = 125
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", InsecureHTTP: true, Log: logr.Discard(), Handler: echo(t),
		ReadHeaderTimeout: 2 * time.Second, BodyGrace: 2 * time.Second, IdleTimeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	address := startListener(t, l)
	const sized = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
	const chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	kinds := []struct{ reason, opening, drop, want string }{
		{"a header that does not end", "GET / HTTP/1.1\r\nX-Slow: ", "x", ""},
		{"nothing at all", "", "", ""},
		{"a body of a known length", sized, " ", "HTTP/1.1 408 "},
		{"a body of many small pieces", chunked, "1\r\n \r\n", "HTTP/1.1 408 "},
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var slow sync.WaitGroup
	for _, kind := range kinds {
		for range each {
			slow.Go(func() {
				answer, err := dribble(ctx, address, kind.opening, kind.drop)
				if err != nil || !strings.HasPrefix(answer, kind.want) {
					t.Errorf("%s: the connection ended with %v and %.40q, want an end and %q", kind.reason, err, answer, kind.want)
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { slow.Wait(); close(done) }()
	served := 0
	for cutOff := false; !cutOff; served++ {
		select {
		case <-done:
			cutOff = true
		default:
		}
		response, err := http.Post("http://"+address, "application/json", strings.NewReader(strings.Repeat(" ", 1<<16)))
		if err != nil {
			t.Fatalf("a good client is not served among slow ones: %v", err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			t.Fatalf("a good client is answered %d among slow ones, want 204", response.StatusCode)
		}
	}
	t.Logf("a good client was served %d times while %d slow ones were there", served, len(kinds)*each)
}

// dribble opens a connection, sends an opening and then a little more every second, and returns what came back once the server has
// closed it. It is an error if the server never does.
func dribble(ctx context.Context, address, opening, drop string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	sent := make(chan struct{})
	closed := make(chan struct{})
	go func() {
		defer close(sent)
		every := time.NewTicker(time.Second)
		defer every.Stop()
		_, err := io.WriteString(conn, opening)
		for err == nil {
			select {
			case <-closed:
				return
			case <-every.C:
				_, err = io.WriteString(conn, drop)
			}
		}
	}()
	answer, err := io.ReadAll(conn)
	close(closed)
	<-sent
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return string(answer), err
	}
	// A reset is an end as well: the server does not wait for what it no longer reads.
	return string(answer), nil
}

func TestR6ASteadyClientIsNotCutOff(t *testing.T) {
	const pieces = 20
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", InsecureHTTP: true, Log: logr.Discard(), Handler: echo(t),
		MinBodyRate: 1000, BodyGrace: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	address := startListener(t, l)
	reader, writer := io.Pipe()
	go func() {
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		for range pieces {
			<-every.C
			if _, err := io.WriteString(writer, strings.Repeat(" ", 5000)); err != nil {
				return
			}
		}
		writer.Close()
	}()
	response, err := http.Post("http://"+address, "application/json", reader)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Errorf("a client that takes longer than the grace, but is faster than the rate, is answered %d, want 204", response.StatusCode)
	}
}

func TestR6WorkAfterTheBodyIsNotCutOff(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", InsecureHTTP: true, Log: logr.Discard(), BodyGrace: 50 * time.Millisecond, MinBodyRate: 1 << 20,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			close(entered)
			<-release
			if r.Context().Err() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	address := startListener(t, l)
	go func() {
		<-entered
		// The grace is over when this fires; the server must not have taken it for the client's end.
		timer := time.NewTimer(300 * time.Millisecond)
		defer timer.Stop()
		<-timer.C
		close(release)
	}()
	response, err := http.Post("http://"+address, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("a request whose body came at once was answered %d, want 200: its context ended with the grace", response.StatusCode)
	}
}

func TestR6ConnectionsAreCapped(t *testing.T) {
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", InsecureHTTP: true, Log: logr.Discard(), Handler: echo(t), MaxConnections: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	address := startListener(t, l)
	var conns []net.Conn
	for range 3 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	answered := func(conn net.Conn) bool {
		line, err := bufio.NewReader(conn).ReadString('\n')
		return err == nil && strings.HasPrefix(line, "HTTP/1.1 204 ")
	}
	if !answered(conns[0]) || !answered(conns[1]) {
		t.Fatal("two connections of two are not served")
	}
	if err := conns[2].SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if answered(conns[2]) {
		t.Error("a third connection is served while two are open")
	}
	if err := conns[2].SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	conns[0].Close()
	if !answered(conns[2]) {
		t.Error("a connection that waited is not served once another one has ended")
	}
}
