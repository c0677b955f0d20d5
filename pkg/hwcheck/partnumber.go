package hwcheck

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A PartNumber is a phone's part number, such as S30817-S7403-A101-15: product S7403, variant A101, revision 15.
//
// Form: developer's guide A31003-S2000-R102-16 (S30817-S7403-A101-015); what the parts mean is assumed.
type PartNumber struct {
	Product  string
	Variant  string
	Revision uint16
}

// ParsePartNumber parses a part number. Letters may be lower case, and the revision may have leading zeros.
func ParsePartNumber(s string) (PartNumber, error) {
	parts := regexp.MustCompile(`^S30817-(S\d{4})-([A-Z]\d{3})-(\d{1,3})$`).FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
	if parts == nil {
		return PartNumber{}, fmt.Errorf("%.64q is not a part number such as S30817-S7403-A101-15", s)
	}
	revision, err := strconv.ParseUint(parts[3], 10, 16)
	if err != nil {
		return PartNumber{}, err
	}
	return PartNumber{parts[1], parts[2], uint16(revision)}, nil
}

// String returns the part number without leading zeros in the revision.
func (p PartNumber) String() string {
	return fmt.Sprintf("S30817-%s-%s-%d", p.Product, p.Variant, p.Revision)
}
