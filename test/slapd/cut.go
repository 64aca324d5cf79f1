package slapd

import (
	"errors"
	"io"
	"net"

	"github.com/scim-operator/scim-operator/test/cut"
)

// Tags of the operations that are not counted and of those that do not end an answer, from section 4.2 onwards of RFC 4511.
const (
	tagBindRequest          = 0x60
	tagBindResponse         = 0x61
	tagUnbindRequest        = 0x42
	tagAbandonRequest       = 0x50
	tagSearchResultEntry    = 0x64
	tagSearchResultRef      = 0x73
	tagIntermediateResponse = 0x79
	maxMessage              = 1 << 24
)

var errNotLDAP = errors.New("what was sent is no message of LDAP")

// Cutter breaks the connections to a server at that exchange: see package cut. It is for ldapi URLs, where there is no TLS.
func Cutter(at int64, answered bool) *cut.Cutter {
	return &cut.Cutter{Protocol: cut.Protocol{Query: query, Answer: answer}, At: at, Answered: answered}
}

func query(client net.Conn, _ bool) (message []byte, counts bool, err error) {
	message, tag, err := read(client)
	return message, tag != tagBindRequest && tag != tagUnbindRequest && tag != tagAbandonRequest, err
}

func answer(server net.Conn) (message []byte, ends bool, err error) {
	message, tag, err := read(server)
	return message, tag != tagBindResponse && tag != tagSearchResultEntry && tag != tagSearchResultRef && tag != tagIntermediateResponse, err
}

// read returns a whole message and the tag of its operation: a sequence of the message's number and the operation.
func read(from io.Reader) (message []byte, tag byte, err error) {
	message = make([]byte, 2)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, 0, err
	}
	size := int(message[1])
	if size >= 0x80 {
		more := make([]byte, size&0x7f)
		if _, err := io.ReadFull(from, more); err != nil {
			return nil, 0, err
		}
		message, size = append(message, more...), 0
		for _, digit := range more {
			size = size<<8 | int(digit)
			if size > maxMessage {
				return nil, 0, errNotLDAP
			}
		}
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(from, body); err != nil {
		return nil, 0, err
	}
	if size < 3 || int(body[1])+2 >= size {
		return nil, 0, errNotLDAP
	}
	return append(message, body...), body[2+int(body[1])], nil
}
