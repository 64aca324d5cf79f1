// Package bulk reads bulk requests (RFC 7644 section 3.7), finds the order in which their operations can be carried out, and leads
// through it. It changes nothing itself: whoever calls Run carries out one task after another.
//
// Operations keep the order of the request, except that a creation is moved ahead to the first operation that refers to it. A
// reference is the text "bulkId:" and the bulkId of a POST; it stands for the id that the creation will give, and in a $ref for the
// URI. It may be the value or the $ref of a member or a manager, what the filter of a PATCH path compares these with, and the id in
// the path of an operation. Creations that refer to each other in a circle are made without the references that cannot be known yet,
// and completed afterwards; they succeed or fail together, so that no part of a circle stays behind.
package bulk
