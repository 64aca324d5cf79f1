package model

import "testing"

const memberLaw = "the write of the ScimRole is the commit point: no acknowledged change is lost and no reader gets a part"

func TestMembershipCommit(t *testing.T) {
	for _, row := range memberRows() {
		t.Run(row.scenario, func(t *testing.T) { row.mustPass(t, memberLaw) })
	}
}

func TestArrangeKeepsIdsInTheirSlices(t *testing.T) {
	tests := []struct {
		reason  string
		present [maxList]uint8
		target  uint8
		want    [maxList]uint8
	}{
		{"a removal shrinks one slice", [maxList]uint8{0b11, 0b1100}, 0b1110, [maxList]uint8{0b10, 0b1100}},
		{"an addition fills the first slice with room", [maxList]uint8{0b10, 0b1100}, 0b11110, [maxList]uint8{0b10010, 0b1100}},
		{"an addition to full slices opens another", [maxList]uint8{0b11, 0b1100}, 0b11111, [maxList]uint8{0b11, 0b1100, 0b10000}},
		{"no change changes nothing", [maxList]uint8{0b11, 0b100}, 0b111, [maxList]uint8{0b11, 0b100}},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, ok := arrange(tt.present, tt.target)
			if !ok || got != tt.want {
				t.Errorf("%s: arrange(%b, %b) = %b, %v, want %b", tt.reason, tt.present, tt.target, got, ok, tt.want)
			}
		})
	}
}
