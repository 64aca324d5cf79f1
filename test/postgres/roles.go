package postgres

import "context"

// Role is a role of the server as its catalogue has it.
type Role struct {
	Name string
	// Login says whether it may sign in, MemberOf what was granted to it, in order.
	Login    bool
	MemberOf []string
}

// Roles are those whose names fit a pattern of LIKE, in order.
func (s *Server) Roles(ctx context.Context, pattern string) ([]Role, error) {
	conn, err := s.AsSuperuser(ctx, Superuser)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT r.rolname, r.rolcanlogin, array(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
		WHERE m.member = r.oid ORDER BY 1) FROM pg_roles r WHERE r.rolname LIKE $1 ORDER BY 1`, pattern)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Role
	for rows.Next() {
		var role Role
		if err := rows.Scan(&role.Name, &role.Login, &role.MemberOf); err != nil {
			return nil, err
		}
		all = append(all, role)
	}
	return all, rows.Err()
}
