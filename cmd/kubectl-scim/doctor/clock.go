package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// The differences of clocks beyond which there is a warning, and a failure. The header Date has whole seconds.
	skewWarns = 5 * time.Second
	skewFails = time.Minute
	// clockTimeout bounds one question.
	clockTimeout = 10 * time.Second

	clockRemedy = "Synchronise the clocks (NTP): tokens and grants begin and end by them."
)

// apiClock compares the API server's clock with the local one.
func (e *examination) apiClock(ctx context.Context) Finding {
	const check = "clock/api-server"
	client, err := rest.HTTPClientFor(e.config)
	if err != nil {
		return unknown(check, err)
	}
	host, _, err := rest.DefaultServerUrlFor(e.config)
	if err != nil {
		return unknown(check, err)
	}
	skew, err := e.skewOf(ctx, client, host.JoinPath("version").String())
	if err != nil {
		return unknown(check, err)
	}
	return skewFinding(check, skew)
}

// skewOf is how far the clock of a server is ahead of the local one, as of the middle of the question.
func (e *examination) skewOf(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	before := e.now()
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	after := e.now()
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("the answer has no time: %w", err)
	}
	return skewBetween(before, after, date), nil
}

// skewBetween takes into account that the header Date leaves out the fraction of the second, half a second on average.
func skewBetween(before, after, date time.Time) time.Duration {
	return date.Add(time.Second / 2).Sub(before.Add(after.Sub(before) / 2)).Round(time.Second)
}

func skewFinding(check string, skew time.Duration) Finding {
	switch size := skew.Abs(); {
	case size > skewFails:
		return fail(check, skewText(skew), clockRemedy)
	case size > skewWarns:
		return warn(check, skewText(skew), clockRemedy)
	}
	return pass(check, "it agrees with the local clock to a few seconds")
}

func skewText(skew time.Duration) string {
	if skew < 0 {
		return fmt.Sprintf("its clock is %s behind the local one", -skew)
	}
	return fmt.Sprintf("its clock is %s ahead of the local one", skew)
}
