package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errDeclined means that the person, or the end of standard input, did not say yes.
var errDeclined = errors.New("nothing was changed, because nobody said yes: answer yes, or give --yes")

// Confirm asks a question on standard error and reads the answer from standard input. Only the whole word yes lets it return nil; a
// script without input must have said yes beforehand.
func (e *Env) Confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	answer, err := e.Ask(question + " Type yes to go on: ")
	if err != nil {
		return err
	}
	if !strings.EqualFold(answer, "yes") {
		return errDeclined
	}
	return nil
}

// Ask writes a prompt to standard error and reads one line from standard input, without the white space around it. The end of input
// is an empty answer.
func (e *Env) Ask(prompt string) (string, error) {
	fmt.Fprint(e.Streams.ErrOut, prompt)
	line, err := bufio.NewReader(e.Streams.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}
