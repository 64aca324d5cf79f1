package okta

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Answer is what the server said.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Header holds the answer's headers.
	Header http.Header
	// Body is the answer's body, unpacked.
	Body []byte
}

// call sends one request, repeats it while the answer is 429, and turns every status outside of 200 to 299 into an *Error.
func (c *Client) call(ctx context.Context, method, path string, body any) (*Answer, error) {
	payload, err := encode(body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	for retry := 0; ; retry++ {
		answer, err := c.send(ctx, method, path, payload, nil, retry)
		if err != nil {
			return nil, err
		}
		if answer.Status >= 200 && answer.Status < 300 {
			return answer, nil
		}
		if answer.Status != http.StatusTooManyRequests || retry == MaxRetries {
			return nil, refusal(method, path, answer)
		}
		if err := c.config.Sleep(ctx, retryDelay(answer.Header.Get("Retry-After"), retry)); err != nil {
			return nil, fmt.Errorf("%s %s: waiting to retry: %w", method, path, err)
		}
	}
}

// encode makes the body of a request; nil stands for none.
func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}

// send makes one try and records it. Headers in override replace Okta's own; an empty value leaves the header out.
func (c *Client) send(ctx context.Context, method, path string, payload []byte, override map[string]string, retry int) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.config.BaseURL+path, requestBody(payload))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	c.setHeaders(request, payload != nil, override)
	start := time.Now()
	answer, err := c.roundTrip(request)
	exchange := Exchange{Method: method, Path: path, Duration: time.Since(start), Retry: retry}
	if answer != nil {
		exchange.Status = answer.Status
		if answer.Status == http.StatusTooManyRequests {
			exchange.RetryAfter = answer.Header.Get("Retry-After")
		}
	}
	c.record(exchange)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer, nil
}

// requestBody avoids a typed nil, which the HTTP client would take for a body.
func requestBody(payload []byte) io.Reader {
	if payload == nil {
		return nil
	}
	return bytes.NewReader(payload)
}

func (c *Client) setHeaders(request *http.Request, hasBody bool, override map[string]string) {
	header := map[string]string{
		"Accept":          "application/scim+json",
		"Accept-Charset":  "utf-8",
		"Accept-Encoding": "gzip,deflate",
		"Authorization":   "Bearer " + c.config.Token,
		"User-Agent":      "Okta SCIM Client 1.0.0",
		"Connection":      "Keep-Alive",
	}
	if hasBody {
		header["Content-Type"] = "application/scim+json; charset=utf-8"
	}
	for _, replacing := range []map[string]string{c.config.Header, override} {
		for name, value := range replacing {
			header[http.CanonicalHeaderKey(name)] = value
		}
	}
	for name, value := range header {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
}

func (c *Client) roundTrip(request *http.Request) (*Answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	answer := &Answer{Status: response.StatusCode, Header: response.Header}
	answer.Body, err = unpack(response)
	return answer, errors.Join(err, response.Body.Close())
}

func unpack(response *http.Response) ([]byte, error) {
	reader := io.Reader(response.Body)
	if strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		unzipped, err := gzip.NewReader(response.Body)
		if err != nil {
			return nil, fmt.Errorf("unpack answer: %w", err)
		}
		reader = unzipped
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return body, nil
}

// refusal reads an error answer. Okta demands JSON of it, and otherwise shows a parser's message that hides the cause.
func refusal(method, path string, answer *Answer) error {
	var message struct {
		Schemas  []string `json:"schemas"`
		Status   any      `json:"status"`
		SCIMType string   `json:"scimType"`
		Detail   string   `json:"detail"`
	}
	unusable := func(reason string) error {
		return &ProtocolError{Method: method, Path: path, Status: answer.Status, Reason: reason}
	}
	if err := json.Unmarshal(answer.Body, &message); err != nil {
		return unusable("invalid JSON: " + err.Error())
	}
	if message.Status != fmt.Sprint(answer.Status) {
		return unusable(fmt.Sprintf("status %#v in the error is not the string %q", message.Status, fmt.Sprint(answer.Status)))
	}
	return &Error{Method: method, Path: path, Status: answer.Status, SCIMType: message.SCIMType, Detail: message.Detail}
}
