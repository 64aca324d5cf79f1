package server

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/cursor"
	"github.com/scim-operator/scim-operator/internal/scim/order"
)

// cursors is paging by cursor (RFC 9865). A cursor names the last resource of its page by its place in the order, not by its number,
// so that a resource that comes or goes between two pages does not move the others from one to the other.
type cursors struct {
	sealer *cursor.Sealer
	// after is where the page begins; nil for the first one.
	after *cursor.Position
}

// pageByCursor checks the cursor and the count of a request. The cursor gives no authority: whoever sends it has been authenticated
// like anybody else, and what it leads to is read as for anybody else.
func (h *Handler) pageByCursor(c *call, l *listing, request scim.SearchRequest) error {
	if request.Count != nil && *request.Count > h.cfg.MaxPageSize {
		return scim.BadRequest(scim.TypeInvalidCount, "count must not be larger than "+strconv.Itoa(h.cfg.MaxPageSize)+" in a query with a cursor.")
	}
	sealer, err := cursor.New(c.tokenKey[:], binding(c, l, request))
	if err != nil {
		return fmt.Errorf("making a cipher for cursors: %w", err)
	}
	l.cursors = &cursors{sealer: sealer}
	if *request.Cursor == "" {
		return nil
	}
	after, err := sealer.Open(*request.Cursor, h.cfg.Clock.Now(), h.cfg.CursorTimeout)
	if err != nil {
		return err
	}
	if request.Count != nil && after.Count != l.count {
		return scim.BadRequest(scim.TypeInvalidCount, "count must be the same on every page of a query with a cursor. It was "+strconv.Itoa(after.Count)+".")
	}
	l.count, l.cursors.after = after.Count, &after
	return nil
}

// binding is what must be the same on every page, in a form that no two queries share.
func binding(c *call, l *listing, request scim.SearchRequest) []byte {
	texts := []string{c.directory.Name, string(c.directory.UID), request.Filter, request.SortBy, strings.ToLower(request.SortOrder)}
	for _, p := range l.parts {
		texts = append(texts, p.t.Name)
	}
	texts = append(texts, strings.Join(request.Attributes, ","), strings.Join(request.ExcludedAttributes, ","))
	hash := sha256.New()
	for _, text := range texts {
		// A hash never fails to take its input.
		_, _ = hash.Write(binary.AppendUvarint(nil, uint64(len(text))))
		_, _ = hash.Write([]byte(text))
	}
	return hash.Sum(nil)
}

// page takes what the cursor leads to out of all that was found, which is in order, and makes the cursor of the next page. The page after
// which nothing comes has none, and neither has a page without resources, which only counts.
func (h *Handler) page(l *listing, found []entry) (page []entry, next string) {
	from := 0
	if after := l.cursors.after; after != nil {
		from, _ = slices.BinarySearchFunc(found, *after, func(e entry, after cursor.Position) int {
			if l.compare(e.key, e.id(), e.part.t.Name, order.Key(after.Key), after.ID, after.Type) > 0 {
				return 1
			}
			return -1
		})
	}
	to := from + min(l.count, len(found)-from)
	page = found[from:to]
	if to == len(found) || len(page) == 0 {
		return page, ""
	}
	last := &page[len(page)-1]
	return page, l.cursors.sealer.Seal(cursor.Position{
		Key: string(last.key), ID: last.id(), Type: last.part.t.Name, Count: l.count, Issued: h.cfg.Clock.Now(),
	})
}
