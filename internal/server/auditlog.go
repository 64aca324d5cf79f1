package server

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

const (
	// strangersLines is the number of lines a minute about requests without a valid credential; the others are counted.
	strangersLines = 60
	// auditFailureInterval is the least time between two lines of the operational log about an audit log that cannot be written.
	auditFailureInterval = time.Minute
	// auditTimeLayout is RFC 3339 with milliseconds; times are in UTC.
	auditTimeLayout = "2006-01-02T15:04:05.000Z07:00"
)

// auditLine is what the audit log says about one request, or about one operation of a bulk request. docs/audit.md describes it. It has
// names of attributes and never their values.
type auditLine struct {
	Time           string   `json:"time"`
	RequestID      string   `json:"requestID"`
	Source         string   `json:"source,omitempty"`
	Directory      string   `json:"directory,omitempty"`
	Credential     string   `json:"credential,omitempty"`
	Method         string   `json:"method"`
	Route          string   `json:"route,omitempty"`
	ResourceType   string   `json:"resourceType,omitempty"`
	ResourceID     string   `json:"resourceID,omitempty"`
	BulkOperation  int      `json:"bulkOperation,omitempty"`
	Status         int      `json:"status"`
	SCIMType       string   `json:"scimType,omitempty"`
	Changes        []string `json:"changes,omitempty"`
	MembersAdded   int      `json:"membersAdded,omitempty"`
	MembersRemoved int      `json:"membersRemoved,omitempty"`
	DurationMs     float64  `json:"durationMs"`
	Omitted        int      `json:"omitted,omitempty"`
}

// AuditLog writes one line of JSON for each SCIM request. It is safe for concurrent use. A line that cannot be written is lost and
// counted, and the request is served all the same: whoever must not be without a line watches the operational log for that error.
type AuditLog struct {
	log   logr.Logger
	clock clock.PassiveClock

	mu  sync.Mutex
	out io.Writer
	// strangers limits the lines about requests without a valid credential, which anybody can send.
	strangers *rate.Limiter
	// omitted is the number of lines that were left out since the last that was written.
	omitted int
	// torn says that the last line may have been written in part.
	torn     bool
	failedAt time.Time
}

// NewAuditLog makes an AuditLog that writes each line to out in one call. Trouble with out goes to log; a nil clock means the real one.
func NewAuditLog(out io.Writer, c clock.PassiveClock, log logr.Logger) *AuditLog {
	if c == nil {
		c = clock.RealClock{}
	}
	return &AuditLog{log: log, clock: c, out: out, strangers: perMinute(strangersLines)}
}

// write writes a line, unless it is about a stranger and there have been too many of those.
func (a *AuditLog) write(line *auditLine) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if line.Credential == "" && !a.strangers.AllowN(a.clock.Now(), 1) {
		a.omitted++
		return
	}
	line.Omitted = a.omitted
	var text bytes.Buffer
	if a.torn {
		text.WriteByte('\n')
	}
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	// Text and numbers always have a form in JSON; Encode ends the line.
	_ = encoder.Encode(line)
	if _, err := a.out.Write(text.Bytes()); err != nil {
		a.torn = true
		a.omitted++
		a.complain(err)
		return
	}
	a.torn, a.omitted = false, 0
}

func (a *AuditLog) complain(err error) {
	now := a.clock.Now()
	if !a.failedAt.IsZero() && now.Sub(a.failedAt) < auditFailureInterval {
		return
	}
	a.failedAt = now
	a.log.Error(err, "The audit log cannot be written; requests are served without their lines")
}
