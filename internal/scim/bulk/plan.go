package bulk

// unit is what is carried out as a whole: one operation, or the creations of one circle, by their positions in the request.
type unit struct {
	operations []int
	circle     bool
}

// plan orders a request. A unit comes after those that its operations refer to, and otherwise in the order of the request. The
// units are the strongly connected components of the references, which Tarjan's algorithm gives with the referred-to first; its time
// is linear in operations and references.
func plan(operations []Operation) []unit {
	p := planner{operations: operations, created: map[string]int{}, index: make([]int, len(operations)), low: make([]int, len(operations)), open: make([]bool, len(operations))}
	for i := range operations {
		if operations[i].BulkID != "" {
			p.created[operations[i].BulkID] = i
		}
	}
	for i := range operations {
		if p.index[i] == 0 {
			p.visit(i)
		}
	}
	return p.units
}

type planner struct {
	operations []Operation
	created    map[string]int

	// index is the order of the visits from 1, low the earliest visit that can be reached, open what is on the stack.
	index, low []int
	open       []bool
	visits     int
	stack      []int
	units      []unit
}

// visit is as deep as a chain of references is long, which MaxOperations bounds.
func (p *planner) visit(i int) {
	p.visits++
	p.index[i], p.low[i], p.open[i] = p.visits, p.visits, true
	p.stack = append(p.stack, i)
	itself := false
	for _, bulkID := range p.operations[i].needs() {
		j, ok := p.created[bulkID]
		switch {
		case !ok:
			// The operation is refused for it.
		case p.index[j] == 0:
			p.visit(j)
			p.low[i] = min(p.low[i], p.low[j])
		case p.open[j]:
			p.low[i] = min(p.low[i], p.index[j])
		}
		itself = itself || ok && i == j
	}
	if p.low[i] == p.index[i] {
		p.close(i, itself)
	}
}

// close takes the component of i, which is its root, off the stack.
func (p *planner) close(i int, itself bool) {
	at := len(p.stack) - 1
	for p.stack[at] != i {
		at--
	}
	component := append([]int(nil), p.stack[at:]...)
	p.stack = p.stack[:at]
	for _, j := range component {
		p.open[j] = false
	}
	p.units = append(p.units, unit{operations: component, circle: itself || len(component) > 1})
}
