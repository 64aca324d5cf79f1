package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/scim-operator/scim-operator/test/cut"
)

// Messages of the protocol, from chapter 55 of PostgreSQL's manual.
const (
	messageParse         = 'P'
	messageBind          = 'B'
	messageDescribe      = 'D'
	messageExecute       = 'E'
	messageClose         = 'C'
	messageQuery         = 'Q'
	messageSync          = 'S'
	messageReadyForQuery = 'Z'
	maxMessage           = 1 << 24
)

// Cutter breaks the connections to a PostgreSQL server at that exchange: see package cut.
func Cutter(at int64, answered bool) *cut.Cutter {
	return &cut.Cutter{Protocol: cut.Protocol{Query: query, Answer: answer}, At: at, Answered: answered}
}

// query reads up to a message that asks for an answer. The client's first message has no type.
func query(client net.Conn, first bool) (exchange []byte, counts bool, err error) {
	if first {
		exchange, err = read(client, true)
		return exchange, false, err
	}
	for {
		message, err := read(client, false)
		if err != nil {
			return nil, false, err
		}
		exchange = append(exchange, message...)
		switch message[0] {
		case messageParse, messageBind, messageDescribe, messageExecute, messageClose:
			continue
		case messageQuery, messageSync:
			return exchange, true, nil
		}
		return exchange, false, nil
	}
}

func answer(server net.Conn) (message []byte, ends bool, err error) {
	message, err = read(server, false)
	return message, err == nil && message[0] == messageReadyForQuery, err
}

// read returns a whole message: a type, unless it is the client's first, and a length that counts itself.
func read(from io.Reader, untyped bool) ([]byte, error) {
	header := 5
	if untyped {
		header = 4
	}
	message := make([]byte, header)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(message[header-4:])
	if size < 4 || size > maxMessage {
		return nil, errors.New("a message of that length is none of the protocol's")
	}
	message = append(message, make([]byte, size-4)...)
	_, err := io.ReadFull(from, message[header:])
	return message, err
}
