package inside

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// patience is how long a request may take before it counts as failed.
const patience = 5 * time.Second

// Target is what is asked for.
type Target struct {
	// Address is host and port to connect to.
	Address string
	// Host is the hostname that is asked for, also by SNI.
	Host string
	// TLS is how the server is checked; nil for plain HTTP.
	TLS *tls.Config
}

// Answer is a whole response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// TLS is the connection's state, nil without TLS.
	TLS *tls.ConnectionState
}

// Client asks over one connection after the other. Other than net/http's it never asks again by itself: a
// connection that ends in place of an answer is an error.
type Client struct {
	Target Target
	// Fresh is a new connection for each request.
	Fresh bool

	connection net.Conn
	reader     *bufio.Reader
}

// Get asks for / once.
func (client *Client) Get() (Answer, error) {
	answer, err := client.get()
	if err != nil || client.Fresh {
		client.Close()
	}
	return answer, err
}

func (client *Client) get() (Answer, error) {
	deadline := time.Now().Add(patience)
	reused := client.connection != nil
	if !reused {
		if err := client.connect(deadline); err != nil {
			return Answer{}, err
		}
	}
	if err := client.connection.SetDeadline(deadline); err != nil {
		return Answer{}, err
	}
	request := &http.Request{Method: http.MethodGet, Host: client.Target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if _, err := fmt.Fprintf(client.connection, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", client.Target.Host); err != nil {
		return Answer{}, fmt.Errorf("sending (connection used before: %t): %w", reused, err)
	}
	response, err := http.ReadResponse(client.reader, request)
	if err != nil {
		return Answer{}, fmt.Errorf("no answer (connection used before: %t): %w", reused, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return Answer{}, fmt.Errorf("the answer breaks off: %w", err)
	}
	answer := Answer{Status: response.StatusCode, Header: response.Header, Body: body}
	if connection, ok := client.connection.(*tls.Conn); ok {
		state := connection.ConnectionState()
		answer.TLS = &state
	}
	if response.Close {
		client.Close()
	}
	return answer, nil
}

func (client *Client) connect(deadline time.Time) error {
	dialer := &net.Dialer{Deadline: deadline}
	connection, err := dialer.Dial("tcp", client.Target.Address)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	if client.Target.TLS != nil {
		secure := tls.Client(connection, client.Target.TLS)
		if err := secure.SetDeadline(deadline); err != nil {
			return err
		}
		if err := secure.Handshake(); err != nil {
			connection.Close()
			return fmt.Errorf("shaking hands: %w", err)
		}
		connection = secure
	}
	client.connection, client.reader = connection, bufio.NewReader(connection)
	return nil
}

// Close ends the connection, if there is one.
func (client *Client) Close() {
	if client.connection != nil {
		client.connection.Close()
		client.connection, client.reader = nil, nil
	}
}
