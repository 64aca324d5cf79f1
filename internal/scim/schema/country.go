package schema

import "strings"

// countryCodes are the codes that ISO 3166-1 assigns officially, in their two-letter form (alpha-2), in the order of the alphabet. Codes
// that it only reserves, such as UK, or leaves to its users, such as XK, are none.
const countryCodes = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET " +
	"FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU " +
	"ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY " +
	"MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM " +
	"PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"

// IsCountry says whether a text is one of the two-letter codes that ISO 3166-1 assigns to a country, which RFC 7643 section 4.1.2 wants
// as the country of an address. It compares without regard to case.
func IsCountry(code string) bool {
	if len(code) != 2 || !isLetter(code[0]) || !isLetter(code[1]) {
		return false
	}
	return strings.Contains(countryCodes, strings.ToUpper(code))
}

// isLetter says whether a byte is a letter of ASCII.
func isLetter(b byte) bool {
	b |= 'a' - 'A'
	return 'a' <= b && b <= 'z'
}
