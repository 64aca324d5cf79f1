package connector

import "context"

// maxPages bounds a listing: 100,000 pages are more than any target has.
const maxPages = 100_000

// All reads the list of accounts to its end. It fails rather than return a part of them: when a page does, when the cursor returns to where
// it was, when an account comes twice on the way and when the last page is not complete.
func All(ctx context.Context, from Lister, limit int) ([]Observed, error) {
	const op = "list"
	var all []Observed
	cursors := map[string]bool{"": true}
	ids := map[string]bool{}
	cursor := ""
	for range maxPages {
		page, err := from.List(ctx, cursor, limit)
		if err != nil {
			return nil, err
		}
		for _, account := range page.Accounts {
			if ids[account.ID] {
				return nil, Errorf(Transient, op, "an account is listed twice, so that others may be missing")
			}
			ids[account.ID] = true
		}
		all = append(all, page.Accounts...)
		if page.Next == "" {
			if !page.Complete {
				return nil, Errorf(Transient, op, "the target did not list its accounts to the end")
			}
			return all, nil
		}
		if cursors[page.Next] {
			return nil, Errorf(Rejected, op, "the target's pages do not advance: a page is followed by one that was read before")
		}
		cursors[page.Next] = true
		cursor = page.Next
	}
	return nil, Errorf(Rejected, op, "the target has more than %d pages of accounts, or they have no end", maxPages)
}
