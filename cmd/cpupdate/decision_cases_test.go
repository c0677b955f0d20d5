package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// decisionTable returns the whole table. Part numbers, levels and versions in it are invented.
func decisionTable() []subject {
	return []subject{
		{name: "rule 1", decisions: ruleOneDecisions()},
		{name: "level by part number", decisions: partNumberDecisions()},
		{name: "level by stored table", stored: "stored", decisions: storedTableDecisions()},
		{name: "rule 2", decisions: ruleTwoDecisions()},
		{name: "inferred minimum", decisions: inferredDecisions()},
		{name: "minimum by table", decisions: minimumTableDecisions()},
		{name: "override", decisions: overrideDecisions()},
		{name: "disagreement", decisions: disagreementDecisions()},
		{name: "family and model", decisions: modelDecisions()},
		{name: "observed images", decisions: observedDecisions()},
		{name: "stepping stone", decisions: steppingStoneDecisions()},
		{name: "software type", decisions: softwareTypeDecisions()},
		{name: "downgrade", decisions: downgradeDecisions()},
		{name: "same version", decisions: sameVersionDecisions()},
		{name: "damaged image", decisions: damagedDecisions()},
		{name: "header only", decisions: headerOnlyDecisions()},
		{name: "signature", decisions: signatureDecisions()},
		{name: "stored key", stored: "trusting", decisions: storedKeyDecisions()},
		{name: "described image", decisions: describedDecisions()},
		{name: "combination", decisions: combinationDecisions()},
		{name: "command line", decisions: commandLineDecisions()},
	}
}

func ruleOneDecisions() []decision {
	return []decision{
		{"level inside the first range", "ranges.bind", "--hw-level=3", 0, "compatible", "hardware-level", "pass"},
		{"lowest level of the first range", "ranges.bind", "--hw-level=2", 0, "compatible", "hardware-level", "pass"},
		{"highest level of the first range", "ranges.bind", "--hw-level=4", 0, "compatible", "hardware-level", "pass"},
		{"level just below the first range", "ranges.bind", "--hw-level=1", 4, "not compatible", "hardware-level", "fail"},
		{"level just above the first range", "ranges.bind", "--hw-level=5", 4, "not compatible", "hardware-level", "fail"},
		{"level in the gap, just below the second range", "ranges.bind", "--hw-level=6", 4, "not compatible", "hardware-level", "fail"},
		{"lowest level of the second range", "ranges.bind", "--hw-level=7", 0, "compatible", "hardware-level", "pass"},
		{"highest level of the second range", "ranges.bind", "--hw-level=9", 0, "compatible", "hardware-level", "pass"},
		{"level just above the last range", "ranges.bind", "--hw-level=10", 4, "not compatible", "hardware-level", "fail"},
		{"level far above every range", "ranges.bind", "--hw-level=65535", 4, "not compatible", "hardware-level", "fail"},
		{"the only level of an image", "single.bind", "--hw-level=3", 0, "compatible", "hardware-level", "pass"},
		{"level below the only one", "single.bind", "--hw-level=2", 4, "not compatible", "hardware-level", "fail"},
		{"level above the only one", "single.bind", "--hw-level=4", 4, "not compatible", "hardware-level", "fail"},
		{"single level behind a range", "mixed.bind", "--hw-level=5", 0, "compatible", "hardware-level", "pass"},
		{"gap of one level", "mixed.bind", "--hw-level=4", 4, "not compatible", "hardware-level", "fail"},
		{"level above the single one behind a range", "mixed.bind", "--hw-level=6", 4, "not compatible", "hardware-level", "fail"},
		{"end of the first of two ranges that touch", "touching.bind", "--hw-level=2", 0, "compatible", "hardware-level", "pass"},
		{"start of the second of two ranges that touch", "touching.bind", "--hw-level=3", 0, "compatible", "hardware-level", "pass"},
		{"level above two ranges that touch", "touching.bind", "--hw-level=5", 4, "not compatible", "hardware-level", "fail"},
		{"lowest level of all in an image for all", "widest.bind", "--hw-level=1", 0, "compatible", "hardware-level", "pass"},
		{"highest level of all in an image for all", "widest.bind", "--hw-level=65535", 0, "compatible", "hardware-level", "pass"},
		{"highest level of all in an image for it alone", "last.bind", "--hw-level=65535", 0, "compatible", "hardware-level", "pass"},
		{"one below the highest level of all", "last.bind", "--hw-level=65534", 4, "not compatible", "hardware-level", "fail"},
		{"nothing known of the phone", "ranges.bind", "", 5, "unknown", "hardware-level", "unknown"},
		{"an image for all levels, but the level is not known", "widest.bind", "", 5, "unknown", "hardware-level", "unknown"},
		{"everything known but the level", "mixed.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R4.9.0 --minimum-version=V1 R1.0.0", 5, "unknown", "hardware-level", "unknown"},
		{"level with leading zeros", "ranges.bind", "--hw-level=0003", 0, "compatible", "hardware-level", "pass"},
		{"level between blanks", "ranges.bind", "--hw-level= 3 ", 0, "compatible", "hardware-level", "pass"},
		{"rule 1 does not look at the lowest version", "mixed.bind", "--hw-level=3 --minimum-version=V9 R0.0.0", 0, "compatible", "minimum-version", "not applicable"},
		{"rule 1 is not replaced by the lowest version", "mixed.bind", "--minimum-version=V1 R1.0.0", 5, "unknown", "minimum-version", "not applicable"},
	}
}

func partNumberDecisions() []decision {
	return []decision{
		{"part number of a level in range", "ranges.bind", "--part-number=S30817-S7720-A101-4 --hardware=@table.toml", 0, "compatible", "hardware-level", "pass"},
		{"next revision has a level out of range", "mixed.bind", "--part-number=S30817-S7720-A101-5 --hardware=@table.toml", 4, "not compatible", "hardware-level", "fail"},
		{"part number with zeros before the revision", "ranges.bind", "--part-number=S30817-S7720-A101-004 --hardware=@table.toml", 0, "compatible", "hardware-level", "pass"},
		{"part number in small letters", "ranges.bind", "--part-number=s30817-s7720-a101-4 --hardware=@table.toml", 0, "compatible", "hardware-level", "pass"},
		{"revision below every entry", "ranges.bind", "--part-number=S30817-S7720-A101-0 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"variant that no entry names", "ranges.bind", "--part-number=S30817-S7720-B101-4 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"product that no entry names", "ranges.bind", "--part-number=S30817-S7799-A101-4 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"entry without a level", "ranges.bind", "--part-number=S30817-S7722-A101-4 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"part number without any table", "ranges.bind", "--part-number=S30817-S7720-A101-4", 5, "unknown", "hardware-level", "unknown"},
		{"any variant, and the entry names the model too", "mixed.bind", "--part-number=S30817-S7721-C103-1 --hardware=@table.toml", 0, "compatible", "family-model", "pass"},
		{"the entry names a model that the image is not for", "single.bind", "--part-number=S30817-S7724-A101-1 --hardware=@table.toml", 4, "not compatible", "family-model", "fail"},
		{"built-in entry names the model, but no level", "mixed.bind", "--part-number=S30817-S7403-A101-15", 4, "not compatible", "hardware-level", "unknown"},
		{"stated level where the table knows none", "mixed.bind", "--part-number=S30817-S7722-A101-4 --hw-level=3 --hardware=@table.toml", 0, "compatible", "hardware-level", "pass"},
		{"stated level that the table confirms", "mixed.bind", "--part-number=S30817-S7721-A101-4 --hw-level=3 --hardware=@table.toml", 0, "compatible", "hardware-level", "pass"},
	}
}

func storedTableDecisions() []decision {
	return []decision{
		{"level from the table in the settings folder", "ranges.bind", "--part-number=S30817-S7721-A101-4", 0, "compatible", "hardware-level", "pass"},
		{"named table wins over the stored one", "mixed.bind", "--part-number=S30817-S7721-A101-4 --hardware=@table.toml", 0, "compatible", "hardware-level", "pass"},
		{"stored level where the named table knows none", "ranges.bind", "--part-number=S30817-S7722-A101-4 --hardware=@table.toml", 0, "compatible", "hardware-level", "pass"},
	}
}

func ruleTwoDecisions() []decision {
	return []decision{
		{"image equals the lowest version", "plain.bind", "--minimum-version=V1 R9.2.0", 0, "compatible", "minimum-version", "pass"},
		{"image one fix above the lowest version", "plain.bind", "--minimum-version=V1 R9.1.0", 0, "compatible", "minimum-version", "pass"},
		{"image far above the lowest version", "plain.bind", "--minimum-version=V1 R0.0.1", 0, "compatible", "minimum-version", "pass"},
		{"image one hotfix below the lowest version", "plain.bind", "--minimum-version=V1 R9.2.1", 4, "not compatible", "minimum-version", "fail"},
		{"image one fix below the lowest version", "plain.bind", "--minimum-version=V1 R9.3.0", 4, "not compatible", "minimum-version", "fail"},
		{"release 10 is above release 9", "plain.bind", "--minimum-version=V1 R10.0.0", 4, "not compatible", "minimum-version", "fail"},
		{"large fix does not outweigh the release", "plain.bind", "--minimum-version=V1 R8.65535.65535", 0, "compatible", "minimum-version", "pass"},
		{"large hotfix does not outweigh the fix", "plain.bind", "--minimum-version=V1 R9.1.65535", 0, "compatible", "minimum-version", "pass"},
		{"next major version is above", "plain.bind", "--minimum-version=V2 R0.0.0", 4, "not compatible", "minimum-version", "fail"},
		{"sub-major outweighs the release", "plain.bind", "--minimum-version=V1.1 R0.0.0", 4, "not compatible", "minimum-version", "fail"},
		{"image with a sub-major above the lowest release", "sub.bind", "--minimum-version=V1 R9.2.0", 0, "compatible", "minimum-version", "pass"},
		{"image with a sub-major equal to the lowest version", "sub.bind", "--minimum-version=V1.2 R0.1.0", 0, "compatible", "minimum-version", "pass"},
		{"image with a sub-major below the lowest version", "sub.bind", "--minimum-version=V1.2 R0.1.1", 4, "not compatible", "minimum-version", "fail"},
		{"lowest version with dots alone", "plain.bind", "--minimum-version=1.9.2.0", 0, "compatible", "minimum-version", "pass"},
		{"lowest version as advisories write it", "plain.bind", "--minimum-version=1.9.2.0001", 4, "not compatible", "minimum-version", "fail"},
		{"lowest version as file names write it", "plain.bind", "--minimum-version=V1_R9_2_0", 0, "compatible", "minimum-version", "pass"},
		{"lowest version without the blank", "plain.bind", "--minimum-version=v1r9.2.1", 4, "not compatible", "minimum-version", "fail"},
		{"lowest version not known", "plain.bind", "", 5, "unknown", "minimum-version", "unknown"},
		{"model and type alone do not give a lowest version", "plain.bind", "--model=CP600 --software-type=Unify HFA", 5, "unknown", "minimum-version", "unknown"},
		{"a level is no lowest version", "plain.bind", "--hw-level=3", 5, "unknown", "minimum-version", "unknown"},
		{"rule 2 does not look at the level", "plain.bind", "--hw-level=3 --minimum-version=V1 R9.2.0", 0, "compatible", "hardware-level", "not applicable"},
	}
}

func inferredDecisions() []decision {
	return []decision{
		{"the phone runs an older version on this hardware", "plain.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R4.9.0", 0, "compatible", "minimum-version", "pass"},
		{"the whole device type will do", "plain.bind", "--model=OpenScape Desk Phone CP400 --software-type=Unify HFA --running=V1 R9.1.9", 0, "compatible", "minimum-version", "pass"},
		{"the same type by another maker will do", "plain-talk.bind", "--model=CP600 --software-type=Siemens SIP --running=V1 R4.9.0", 0, "compatible", "minimum-version", "pass"},
		{"image for every model, whole device type", "plain-family.bind", "--model=OpenScape Desk Phone CP200 --software-type=Unify HFA --running=V1 R4.9.0", 0, "compatible", "minimum-version", "pass"},
		{"the same version again is inferred too", "plain.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R9.2.0 --reinstall", 0, "compatible", "minimum-version", "pass"},
		{"not inferred from a newer version", "plain.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R9.2.1", 4, "not compatible", "minimum-version", "unknown"},
		{"not inferred from a newer version, downgrade allowed", "plain.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R9.2.1 --allow-downgrade", 5, "unknown", "minimum-version", "unknown"},
		{"not inferred without the model", "plain.bind", "--software-type=Unify HFA --running=V1 R4.9.0", 5, "unknown", "minimum-version", "unknown"},
		{"not inferred without the type", "plain.bind", "--model=CP600 --running=V1 R4.9.0", 5, "unknown", "minimum-version", "unknown"},
		{"not inferred from the running version alone", "plain.bind", "--running=V1 R4.9.0", 5, "unknown", "minimum-version", "unknown"},
		{"not inferred for another model", "plain.bind", "--model=CP200 --software-type=Unify HFA --running=V1 R4.9.0", 4, "not compatible", "minimum-version", "unknown"},
		{"not inferred for another family", "plain.bind", "--model=OpenStage 40 --software-type=Unify HFA --running=V1 R4.9.0", 4, "not compatible", "minimum-version", "unknown"},
		{"not inferred from another type", "plain.bind", "--model=CP600 --software-type=Unify SIP --running=V1 R4.9.0", 4, "not compatible", "minimum-version", "unknown"},
		{"not inferred from another type, type change allowed", "plain.bind", "--model=CP600 --software-type=Unify SIP --running=V1 R4.9.0 --allow-type-change", 5, "unknown", "minimum-version", "unknown"},
		{"not inferred for every model without the family", "plain-family.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R4.9.0", 5, "unknown", "minimum-version", "unknown"},
		{"a lowest version above wins over what runs", "plain.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R4.9.0 --minimum-version=V1 R9.3.0", 4, "not compatible", "minimum-version", "fail"},
		{"a lowest version allows what could not be inferred", "plain.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R9.3.0 --minimum-version=V1 R9.0.0 --allow-downgrade", 0, "compatible", "minimum-version", "pass"},
	}
}

func minimumTableDecisions() []decision {
	return []decision{
		{"lowest version of the part number", "plain.bind", "--part-number=S30817-S7722-A101-4 --hardware=@table.toml", 0, "compatible", "minimum-version", "pass"},
		{"lowest version of the level", "plain.bind", "--hw-level=7 --hardware=@table.toml", 0, "compatible", "minimum-version", "pass"},
		{"lowest version of a level in one family", "plain.bind", "--hw-level=6 --model=OpenScape Desk Phone CP600 --hardware=@table.toml", 4, "not compatible", "minimum-version", "fail"},
		{"level of one family, family not known", "plain.bind", "--hw-level=6 --model=CP600 --hardware=@table.toml", 5, "unknown", "minimum-version", "unknown"},
		{"level that has no lowest version", "plain.bind", "--hw-level=3 --hardware=@table.toml", 5, "unknown", "minimum-version", "unknown"},
		{"later entry about the level wins over the part number's", "plain.bind", "--part-number=S30817-S7723-A101-4 --hardware=@table.toml", 4, "not compatible", "minimum-version", "fail"},
		{"stated lowest version that the table confirms", "plain.bind", "--part-number=S30817-S7722-A101-4 --minimum-version=V1 R8.0.0 --hardware=@table.toml", 0, "compatible", "minimum-version", "pass"},
		{"stated lowest version that the table contradicts", "plain.bind", "--part-number=S30817-S7722-A101-4 --minimum-version=V1 R7.0.0 --hardware=@table.toml", 5, "unknown", "minimum-version", "unknown"},
	}
}

func overrideDecisions() []decision {
	return []decision{
		{"override lifts a level out of range", "mixed.bind", "--hw-level=4 --override", 0, "compatible", "hardware-level", "overridden"},
		{"override lifts a level that is not known", "mixed.bind", "--override", 0, "compatible", "hardware-level", "overridden"},
		{"override lifts levels that disagree", "mixed.bind", "--hw-level=1 --part-number=S30817-S7721-A101-4 --hardware=@table.toml --override", 0, "compatible", "hardware-level", "overridden"},
		{"override lifts a version below the lowest", "plain.bind", "--minimum-version=V2 R0.0.0 --override", 0, "compatible", "minimum-version", "overridden"},
		{"override lifts a lowest version that is not known", "plain.bind", "--override", 0, "compatible", "minimum-version", "overridden"},
		{"override lifts lowest versions that disagree", "plain.bind", "--part-number=S30817-S7722-A101-4 --minimum-version=V1 R7.0.0 --hardware=@table.toml --override", 0, "compatible", "minimum-version", "overridden"},
		{"override lifts an image version that is not known", "versionless.img", "--minimum-version=V1 R1.0.0 --override", 0, "compatible", "minimum-version", "overridden"},
		{"override lifts a stepping stone", "stone.bind", "--hw-level=2 --running=V1 R4.9.9 --override", 0, "compatible", "stepping-stone", "overridden"},
		{"override lifts a stepping stone that cannot be told", "stone.bind", "--hw-level=2 --override", 0, "compatible", "stepping-stone", "overridden"},
		{"override lifts level and stepping stone together", "stone.bind", "--hw-level=9 --running=V1 R1.0.0 --override", 0, "compatible", "hardware-level", "overridden"},
		{"override with a reason", "mixed.bind", "--hw-level=4 --override --reason=lab phone", 0, "compatible", "hardware-level", "overridden"},
		{"override changes nothing about a level in range", "mixed.bind", "--hw-level=3 --override", 0, "compatible", "hardware-level", "pass"},
		{"override changes nothing about the rule that does not apply", "mixed.bind", "--hw-level=3 --minimum-version=V9 R0.0.0 --override", 0, "compatible", "minimum-version", "not applicable"},
		{"override does not lift the model", "mixed.bind", "--hw-level=3 --model=CP200 --override", 4, "not compatible", "family-model", "fail"},
		{"override does not lift the family", "mixed.bind", "--hw-level=3 --model=OpenStage 40 --override", 4, "not compatible", "family-model", "fail"},
		{"override does not lift models that disagree", "mixed.bind", "--model=CP400 --part-number=S30817-S7721-A101-4 --hardware=@table.toml --override", 5, "unknown", "family-model", "unknown"},
		{"override does not lift the software type", "mixed.bind", "--hw-level=3 --software-type=Unify SIP --override", 4, "not compatible", "software-type", "fail"},
		{"override does not lift a downgrade", "mixed.bind", "--hw-level=3 --running=V1 R9.2.1 --override", 4, "not compatible", "downgrade", "fail"},
		{"override does not lift a wrong digest", "damaged.bind", "--hw-level=3 --override", 3, "not compatible", "image-intact", "fail"},
		{"override does not lift a missing signature", "mixed.bind", "--hw-level=3 --override --require-signature", 3, "not compatible", "image-intact", "fail"},
		{"override does not reinstall", "mixed.bind", "--hw-level=4 --model=CP600 --software-type=Unify HFA --running=V1 R9.2.0 --override", 0, "nothing to do", "same-version", "pass"},
		{"other permissions do not lift the level", "mixed.bind", "--hw-level=4 --allow-type-change --allow-downgrade --reinstall", 4, "not compatible", "hardware-level", "fail"},
	}
}

func disagreementDecisions() []decision {
	return []decision{
		{"stated level in range, level of the part number not", "mixed.bind", "--hw-level=3 --part-number=S30817-S7720-A101-5 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"stated level out of range, level of the part number in it", "mixed.bind", "--hw-level=4 --part-number=S30817-S7721-A101-5 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"two levels in range that differ are unknown all the same", "mixed.bind", "--hw-level=1 --part-number=S30817-S7721-A101-5 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"two levels out of range that differ are unknown all the same", "single.bind", "--hw-level=9 --part-number=S30817-S7720-A101-5 --hardware=@table.toml", 5, "unknown", "hardware-level", "unknown"},
		{"levels that differ do not matter to rule 2", "plain.bind", "--hw-level=1 --part-number=S30817-S7720-A101-5 --minimum-version=V1 R1.0.0 --hardware=@table.toml", 0, "compatible", "hardware-level", "not applicable"},
		{"stated model is not the part number's", "mixed.bind", "--hw-level=3 --model=CP400 --part-number=S30817-S7721-A101-4 --hardware=@table.toml", 5, "unknown", "family-model", "unknown"},
		{"stated model is not the built-in one of the part number", "openstage.img", "--model=OpenStage 40 --part-number=S30817-S7403-A101-15 --minimum-version=V1 R0.1.0", 5, "unknown", "family-model", "unknown"},
		{"stated model is the part number's in short", "mixed.bind", "--model=CP600 --part-number=S30817-S7721-A101-4 --hardware=@table.toml", 0, "compatible", "family-model", "pass"},
		{"same model of another family", "mixed.bind", "--model=OpenScape Conference Phone CP600 --part-number=S30817-S7721-A101-4 --hardware=@table.toml", 5, "unknown", "family-model", "unknown"},
	}
}

func modelDecisions() []decision {
	return []decision{
		{"first of the image's models", "mixed.bind", "--hw-level=3 --model=CP400", 0, "compatible", "family-model", "pass"},
		{"last of the image's models", "mixed.bind", "--hw-level=3 --model=CP600", 0, "compatible", "family-model", "pass"},
		{"whole device type", "mixed.bind", "--hw-level=3 --model=OpenScape Desk Phone CP600", 0, "compatible", "family-model", "pass"},
		{"model in small letters", "mixed.bind", "--hw-level=3 --model=cp600", 0, "compatible", "family-model", "pass"},
		{"model that the image is not for", "mixed.bind", "--hw-level=3 --model=CP200", 4, "not compatible", "family-model", "fail"},
		{"whole device type of a model that the image is not for", "mixed.bind", "--hw-level=3 --model=OpenScape Desk Phone CP200", 4, "not compatible", "family-model", "fail"},
		{"model that is only the start of one", "mixed.bind", "--hw-level=3 --model=CP60", 4, "not compatible", "family-model", "fail"},
		{"right model of a wrong family", "mixed.bind", "--hw-level=3 --model=OpenScape Conference Phone CP600", 4, "not compatible", "family-model", "fail"},
		{"OpenStage phone and CP image", "mixed.bind", "--hw-level=3 --model=OpenStage 40", 4, "not compatible", "family-model", "fail"},
		{"model not known", "mixed.bind", "--hw-level=3", 0, "compatible", "family-model", "not checked"},
		{"image for every model of the family", "family.bind", "--hw-level=3 --model=OpenScape Desk Phone CP205", 0, "compatible", "family-model", "pass"},
		{"image for every model, but of another family", "family.bind", "--hw-level=3 --model=OpenStage 40", 4, "not compatible", "family-model", "fail"},
		{"image for every model, family not known", "family.bind", "--hw-level=3 --model=CP205", 0, "compatible", "family-model", "not checked"},
	}
}

func observedDecisions() []decision {
	return []decision{
		{"observed model fits", "openstage.img", "--model=OpenStage 40 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "pass"},
		{"observed model, and a number that phones of several families bear", "openstage.img", "--model=40 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "not checked"},
		{"no minimum is inferred from a number alone", "openstage.img", "--model=40 --software-type=Siemens SIP --running=V1 R0.1.0", 5, "unknown", "minimum-version", "unknown"},
		{"another family with the same number", "openstage.img", "--model=OpenScape Desk Phone IP 40 --minimum-version=V1 R0.1.0", 4, "not compatible", "family-model", "fail"},
		{"another number", "openstage.img", "--model=60 --minimum-version=V1 R0.1.0", 4, "not compatible", "family-model", "fail"},
		{"observed model does not fit", "openstage.img", "--model=OpenStage 60 --minimum-version=V1 R0.1.0", 4, "not compatible", "family-model", "fail"},
		{"other model of an observed class", "openstage.img", "--model=OpenStage 20 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "pass"},
		{"other model of an observed class, so a minimum is inferred", "openstage.img", "--model=OpenStage 20 --software-type=Siemens SIP --running=V3 R1.41.1", 0, "compatible", "minimum-version", "pass"},
		{"other model of an observed class, and nothing to do", "openstage.img", "--model=OpenStage 20 --software-type=Siemens SIP --running=V3 R5.12.0", 0, "nothing to do", "same-version", "pass"},
		{"other model of an observed class, as a number alone", "openstage.img", "--model=20 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "not checked"},
		{"other model of an assumed class", "openstage.img", "--model=OpenStage 40G --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "not checked"},
		{"no minimum is inferred by an assumed class", "openstage.img", "--model=OpenStage 40G --software-type=Siemens SIP --running=V3 R1.41.1", 5, "unknown", "minimum-version", "unknown"},
		{"classes do not hold for what a descriptor states", "corrected.img", "--model=OpenStage 80 --minimum-version=V1 R0.1.0", 4, "not compatible", "family-model", "fail"},
		{"observed family does not fit", "openstage.img", "--model=OpenScape Desk Phone CP600 --minimum-version=V1 R0.1.0", 4, "not compatible", "family-model", "fail"},
		{"OpenStage image has no levels, so rule 2 applies", "openstage.img", "--hw-level=3 --minimum-version=V3 R5.12.1", 4, "not compatible", "minimum-version", "fail"},
		{"OpenStage update of a running phone is inferred", "openstage.img", "--model=OpenStage 40 --software-type=Unify SIP --running=V3 R1.41.1", 0, "compatible", "minimum-version", "pass"},
		{"observed platform never fails a phone of its family", "platform.img", "--model=OpenStage 60 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "not checked"},
		{"observed platform is no model, so what the phone runs says nothing", "platform.img", "--model=OpenStage 20 --software-type=Siemens SIP --running=V1 R0.1.0", 5, "unknown", "minimum-version", "unknown"},
		{"observed platform never fails a phone of another family", "platform.img", "--model=OpenScape Desk Phone CP600 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "not checked"},
		{"no type observed, so it is not checked", "platform.img", "--software-type=Unify HFA --minimum-version=V1 R0.1.0", 0, "compatible", "software-type", "not checked"},
		{"descriptor corrects the observed model", "corrected.img", "--model=OpenStage 60 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "pass"},
		{"observed model that the descriptor corrected", "corrected.img", "--model=OpenStage 40 --minimum-version=V1 R0.1.0", 4, "not compatible", "family-model", "fail"},
		{"descriptor states the family of an observed platform", "restated.img", "--model=OpenScape Desk Phone CP600 --minimum-version=V1 R0.1.0", 0, "compatible", "family-model", "pass"},
		{"stated family fails, though a platform was observed", "restated.img", "--model=OpenStage 60 --minimum-version=V1 R0.1.0", 4, "not compatible", "family-model", "fail"},
	}
}

func steppingStoneDecisions() []decision {
	return []decision{
		{"the phone runs less than the stepping stone", "stone.bind", "--hw-level=2 --running=V1 R4.9.9", 4, "not compatible", "stepping-stone", "fail"},
		{"the phone runs the stepping stone", "stone.bind", "--hw-level=2 --running=V1 R5.0.0", 0, "compatible", "stepping-stone", "pass"},
		{"the phone runs more than the stepping stone", "stone.bind", "--hw-level=2 --running=V1 R10.0.0 --allow-downgrade", 0, "compatible", "stepping-stone", "pass"},
		{"the phone's version is not known, but a stone is named", "stone.bind", "--hw-level=2", 5, "unknown", "stepping-stone", "unknown"},
		{"no stepping stone named", "mixed.bind", "--hw-level=2 --running=V1 R0.0.1", 0, "compatible", "stepping-stone", "not applicable"},
		{"stepping stone under rule 2", "plain-stone.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R4.0.0", 4, "not compatible", "stepping-stone", "fail"},
		{"stepping stone passed under rule 2", "plain-stone.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R6.0.0", 0, "compatible", "stepping-stone", "pass"},
	}
}

func softwareTypeDecisions() []decision {
	return []decision{
		{"same type", "mixed.bind", "--hw-level=3 --software-type=Unify HFA", 0, "compatible", "software-type", "pass"},
		{"same type, older maker", "mixed.bind", "--hw-level=3 --software-type=Siemens HFA", 0, "compatible", "software-type", "pass"},
		{"same type without maker", "mixed.bind", "--hw-level=3 --software-type=HFA", 0, "compatible", "software-type", "pass"},
		{"same type in small letters", "mixed.bind", "--hw-level=3 --software-type=unify hfa", 0, "compatible", "software-type", "pass"},
		{"Siemens SIP phone, Unify SIP image", "talk-unify.bind", "--hw-level=3 --software-type=Siemens SIP", 0, "compatible", "software-type", "pass"},
		{"Unify SIP phone, Siemens SIP image", "talk-siemens.bind", "--hw-level=3 --software-type=Unify SIP", 0, "compatible", "software-type", "pass"},
		{"SIP phone, HFA image", "mixed.bind", "--hw-level=3 --software-type=Unify SIP", 4, "not compatible", "software-type", "fail"},
		{"HFA phone, SIP image", "talk-unify.bind", "--hw-level=3 --software-type=Unify HFA", 4, "not compatible", "software-type", "fail"},
		{"type change allowed", "mixed.bind", "--hw-level=3 --software-type=Unify SIP --allow-type-change", 0, "compatible", "software-type", "overridden"},
		{"type change allowed, but none is needed", "mixed.bind", "--hw-level=3 --software-type=Unify HFA --allow-type-change", 0, "compatible", "software-type", "pass"},
		{"type change allowed does not lift the level", "mixed.bind", "--hw-level=4 --software-type=Unify SIP --allow-type-change", 4, "not compatible", "hardware-level", "fail"},
		{"type not known", "mixed.bind", "--hw-level=3", 0, "compatible", "software-type", "not checked"},
	}
}

func downgradeDecisions() []decision {
	return []decision{
		{"the phone runs an older version", "mixed.bind", "--hw-level=3 --running=V1 R9.1.65535", 0, "compatible", "downgrade", "pass"},
		{"the phone runs this version, of a model not known", "mixed.bind", "--hw-level=3 --running=V1 R9.2.0", 0, "compatible", "downgrade", "pass"},
		{"the phone runs one hotfix more", "mixed.bind", "--hw-level=3 --running=V1 R9.2.1", 4, "not compatible", "downgrade", "fail"},
		{"the phone runs release 10", "mixed.bind", "--hw-level=3 --running=1.10.0.0", 4, "not compatible", "downgrade", "fail"},
		{"the phone runs the next major version", "mixed.bind", "--hw-level=3 --running=V2 R0.0.0", 4, "not compatible", "downgrade", "fail"},
		{"downgrade allowed", "mixed.bind", "--hw-level=3 --running=V2 R0.0.0 --allow-downgrade", 0, "compatible", "downgrade", "overridden"},
		{"downgrade allowed, but it is none", "mixed.bind", "--hw-level=3 --running=V1 R1.0.0 --allow-downgrade", 0, "compatible", "downgrade", "pass"},
		{"downgrade allowed does not lift the level", "mixed.bind", "--hw-level=4 --running=V2 R0.0.0 --allow-downgrade", 4, "not compatible", "hardware-level", "fail"},
		{"the phone's version is not known", "mixed.bind", "--hw-level=3", 0, "compatible", "downgrade", "not checked"},
		{"reinstall does not allow a downgrade", "mixed.bind", "--hw-level=3 --running=V2 R0.0.0 --reinstall", 4, "not compatible", "downgrade", "fail"},
	}
}

func sameVersionDecisions() []decision {
	return []decision{
		{"the phone runs this very image", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Unify HFA --running=V1 R9.2.0", 0, "nothing to do", "same-version", "pass"},
		{"nothing to do, though the level is out of range", "mixed.bind", "--hw-level=4 --model=CP600 --software-type=Unify HFA --running=V1 R9.2.0", 0, "nothing to do", "hardware-level", "fail"},
		{"nothing to do, though the level is not known", "mixed.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R9.2.0", 0, "nothing to do", "hardware-level", "unknown"},
		{"nothing to do, though the version is below the lowest", "plain.bind", "--minimum-version=V2 R0.0.0 --model=CP600 --software-type=Unify HFA --running=1.9.2.0", 0, "nothing to do", "minimum-version", "fail"},
		{"nothing to do by the older maker's name", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Siemens HFA --running=V1 R9.2.0", 0, "nothing to do", "same-version", "pass"},
		{"nothing to do, model from the part number", "mixed.bind", "--part-number=S30817-S7721-A101-4 --hardware=@table.toml --software-type=Unify HFA --running=V1 R9.2.0", 0, "nothing to do", "same-version", "pass"},
		{"one hotfix apart is not the same", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Unify HFA --running=V1 R9.1.1", 0, "compatible", "same-version", "pass"},
		{"same number, model not known", "mixed.bind", "--hw-level=4 --software-type=Unify HFA --running=V1 R9.2.0", 4, "not compatible", "same-version", "not checked"},
		{"same number, type not known", "mixed.bind", "--model=CP600 --running=V1 R9.2.0", 5, "unknown", "same-version", "not checked"},
		{"same number, another type", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Unify SIP --running=V1 R9.2.0", 4, "not compatible", "software-type", "fail"},
		{"same number, another type, type change allowed", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Unify SIP --running=V1 R9.2.0 --allow-type-change", 0, "compatible", "software-type", "overridden"},
		{"same number, another model", "mixed.bind", "--hw-level=3 --model=CP200 --software-type=Unify HFA --running=V1 R9.2.0", 4, "not compatible", "family-model", "fail"},
		{"running version not known", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Unify HFA", 0, "compatible", "same-version", "not checked"},
		{"reinstall the same version", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Unify HFA --running=V1 R9.2.0 --reinstall", 0, "compatible", "same-version", "overridden"},
		{"reinstall asks for the level again", "mixed.bind", "--hw-level=4 --model=CP600 --software-type=Unify HFA --running=V1 R9.2.0 --reinstall", 4, "not compatible", "hardware-level", "fail"},
		{"reinstall with a level not known", "mixed.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R9.2.0 --reinstall", 5, "unknown", "hardware-level", "unknown"},
		{"reinstall of another version changes nothing", "mixed.bind", "--hw-level=3 --model=CP600 --software-type=Unify HFA --running=V1 R4.9.0 --reinstall", 0, "compatible", "same-version", "pass"},
	}
}

func damagedDecisions() []decision {
	return []decision{
		{"wrong digest, everything else fits", "damaged.bind", "--hw-level=3 --model=CP600 --software-type=Unify HFA --running=V1 R4.9.0", 3, "not compatible", "image-intact", "fail"},
		{"wrong digest and nothing known of the phone", "damaged.bind", "", 3, "not compatible", "image-intact", "fail"},
		{"wrong digest and a level out of range", "damaged.bind", "--hw-level=4", 3, "not compatible", "hardware-level", "fail"},
		{"wrong digest and another model", "damaged.bind", "--hw-level=3 --model=CP200", 3, "not compatible", "family-model", "fail"},
		{"wrong digest of the version that runs", "damaged.bind", "--hw-level=3 --model=CP600 --software-type=Unify HFA --running=V1 R9.2.0", 3, "not compatible", "image-intact", "fail"},
		{"wrong digest and every permission", "damaged.bind", "--override --allow-type-change --allow-downgrade --reinstall", 3, "not compatible", "image-intact", "fail"},
		{"wrong digest under rule 2", "damaged-plain.bind", "--minimum-version=V1 R1.0.0", 3, "not compatible", "image-intact", "fail"},
		{"digest that the descriptor contradicts", "othersum.img", "--hw-level=3", 3, "not compatible", "image-intact", "fail"},
		{"one byte too few", "short.bind", "--hw-level=3", 3, "", "", ""},
		{"one byte too many", "long.bind", "--hw-level=3", 3, "", "", ""},
		{"header changed on the way", "crc.bind", "--hw-level=3 --override", 3, "", "", ""},
		{"transfer in ASCII mode", "ascii.bind", "--hw-level=3", 3, "", "", ""},
		{"empty file", "empty.bind", "--hw-level=3", 3, "", "", ""},
		{"no bind at all", "text.bind", "--hw-level=3", 3, "", "", ""},
		{"no such file", "missing.bind", "--hw-level=3", 3, "", "", ""},
		{"OpenStage image cut short", "short.img", "--minimum-version=V1 R0.1.0", 3, "", "", ""},
		{"descriptor of an image of another size", "othersize.img", "--hw-level=3", 3, "", "", ""},
		{"descriptor that contradicts the header", "contrary.bind", "--hw-level=3", 3, "", "", ""},
	}
}

func headerOnlyDecisions() []decision {
	return []decision{
		{"payload left unread", "mixed.bind", "--header-only --hw-level=3", 0, "compatible", "image-intact", "not checked"},
		{"payload left unread, level out of range", "mixed.bind", "--header-only --hw-level=4", 4, "not compatible", "hardware-level", "fail"},
		{"payload left unread, level not known", "mixed.bind", "--header-only", 5, "unknown", "hardware-level", "unknown"},
		{"payload left unread, nothing to do", "mixed.bind", "--header-only --hw-level=3 --model=CP600 --software-type=Unify HFA --running=V1 R9.2.0", 0, "nothing to do", "image-intact", "not checked"},
		{"a damaged payload left unread is not seen", "damaged.bind", "--header-only --hw-level=3", 0, "compatible", "image-intact", "not checked"},
		{"a damaged header is seen", "crc.bind", "--header-only --hw-level=3", 3, "", "", ""},
		{"a wrong length is seen", "short.bind", "--header-only --hw-level=3", 3, "", "", ""},
		{"described image left unread", "described.img", "--header-only --hw-level=3", 0, "compatible", "image-intact", "not checked"},
		{"a missing signature is seen without the payload", "mixed.bind", "--header-only --hw-level=3 --require-signature", 3, "not compatible", "image-intact", "fail"},
		{"a right signature, payload left unread", "signed.bind", "--header-only --hw-level=3 --require-signature --trusted-key=@maker.pem", 0, "compatible", "image-intact", "not checked"},
	}
}

func signatureDecisions() []decision {
	return []decision{
		{"signed, and no key to check it with", "signed.bind", "--hw-level=3", 0, "compatible", "image-intact", "pass"},
		{"signed by a trusted key", "signed.bind", "--hw-level=3 --trusted-key=@maker.pem", 0, "compatible", "image-intact", "pass"},
		{"signature required and right", "signed.bind", "--hw-level=3 --trusted-key=@maker.pem --require-signature", 0, "compatible", "image-intact", "pass"},
		{"signature required, no key to check it with", "signed.bind", "--hw-level=3 --require-signature", 3, "not compatible", "image-intact", "fail"},
		{"signature required, another key trusted", "signed.bind", "--hw-level=3 --require-signature --trusted-key=@other.pem", 3, "not compatible", "image-intact", "fail"},
		{"signature required, image not signed", "mixed.bind", "--hw-level=3 --require-signature", 3, "not compatible", "image-intact", "fail"},
		{"changed after signing", "forged.bind", "--hw-level=3 --trusted-key=@maker.pem", 3, "not compatible", "image-intact", "fail"},
		{"changed after signing, and the level is out of range too", "forged.bind", "--hw-level=4 --trusted-key=@maker.pem", 3, "not compatible", "hardware-level", "fail"},
		{"one of two trusted keys made the signature", "signed.bind", "--hw-level=3 --trusted-key=@other.pem --trusted-key=@maker.pem --require-signature", 0, "compatible", "image-intact", "pass"},
		{"descriptor signed by a trusted key", "sealed.img", "--hw-level=3 --trusted-key=@maker.pem --require-signature", 0, "compatible", "image-intact", "pass"},
		{"descriptor signed by another key than the trusted one", "sealed.img", "--hw-level=3 --trusted-key=@other.pem", 3, "not compatible", "image-intact", "fail"},
	}
}

func storedKeyDecisions() []decision {
	return []decision{
		{"signed by the stored key", "signed.bind", "--hw-level=3", 0, "compatible", "image-intact", "pass"},
		{"a stored key makes a signature necessary", "mixed.bind", "--hw-level=3", 3, "not compatible", "image-intact", "fail"},
		{"a stored key finds a changed image", "forged.bind", "--hw-level=3", 3, "not compatible", "image-intact", "fail"},
	}
}

func describedDecisions() []decision {
	return []decision{
		{"described level in range", "described.img", "--hw-level=3", 0, "compatible", "hardware-level", "pass"},
		{"described level out of range", "described.img", "--hw-level=4", 4, "not compatible", "hardware-level", "fail"},
		{"described model does not fit", "described.img", "--hw-level=3 --model=CP200", 4, "not compatible", "family-model", "fail"},
		{"descriptor without levels, so rule 2 applies", "versionless.img", "--hw-level=3", 5, "unknown", "minimum-version", "unknown"},
		{"descriptor without a version is unknown to rule 2", "versionless.img", "--minimum-version=V1 R1.0.0", 5, "unknown", "minimum-version", "unknown"},
		{"descriptor without a version has no downgrade to check", "versionless.img", "--running=V1 R1.0.0 --override", 0, "compatible", "downgrade", "not checked"},
		{"descriptor that states nothing", "bare.img", "--model=CP600 --software-type=Unify HFA --running=V1 R1.0.0", 5, "unknown", "minimum-version", "unknown"},
		{"descriptor that states nothing leaves the model unchecked", "bare.img", "--model=CP600 --override", 0, "compatible", "family-model", "not checked"},
		{"descriptor without family or models infers nothing", "nameless.img", "--model=CP600 --software-type=Unify HFA --running=V1 R1.0.0", 5, "unknown", "minimum-version", "unknown"},
	}
}

func combinationDecisions() []decision {
	return []decision{
		{"a fail and an unknown: fail wins", "mixed.bind", "--model=CP200", 4, "not compatible", "hardware-level", "unknown"},
		{"a fail behind an unknown: fail wins", "mixed.bind", "--running=V2 R0.0.0", 4, "not compatible", "downgrade", "fail"},
		{"a fail lifted leaves the unknown", "mixed.bind", "--running=V2 R0.0.0 --allow-downgrade", 5, "unknown", "hardware-level", "unknown"},
		{"an unknown lifted leaves the fail", "mixed.bind", "--running=V2 R0.0.0 --override", 4, "not compatible", "downgrade", "fail"},
		{"a fail and an unknown, both lifted", "mixed.bind", "--running=V2 R0.0.0 --override --allow-downgrade", 0, "compatible", "downgrade", "overridden"},
		{"two unknowns", "stone.bind", "", 5, "unknown", "stepping-stone", "unknown"},
		{"level known, stepping stone unknown", "stone.bind", "--hw-level=9", 4, "not compatible", "stepping-stone", "unknown"},
		{"every rule that can fails at once", "stone.bind", "--hw-level=9 --model=CP200 --software-type=Unify SIP --running=V1 R1.0.0", 4, "not compatible", "stepping-stone", "fail"},
		{"every permission, and still another model", "stone.bind", "--hw-level=9 --model=CP200 --software-type=Unify SIP --running=V1 R1.0.0 --override --allow-type-change --allow-downgrade --reinstall", 4, "not compatible", "family-model", "fail"},
		{"every permission, and the model fits", "stone.bind", "--hw-level=9 --model=CP400 --software-type=Unify SIP --running=V2 R1.0.0 --override --allow-type-change --allow-downgrade --reinstall", 0, "compatible", "downgrade", "overridden"},
		{"everything known, everything fits", "stone.bind", "--hw-level=1 --model=OpenScape Desk Phone CP400 --software-type=Unify HFA --running=V1 R5.0.0", 0, "compatible", "same-version", "pass"},
	}
}

func commandLineDecisions() []decision {
	return []decision{
		{"level 0", "mixed.bind", "--hw-level=0", 2, "", "", ""},
		{"level below 0", "mixed.bind", "--hw-level=-1", 2, "", "", ""},
		{"level above the highest of all", "mixed.bind", "--hw-level=65536", 2, "", "", ""},
		{"level that is no number", "mixed.bind", "--hw-level=three", 2, "", "", ""},
		{"level that is a range", "mixed.bind", "--hw-level=1-3", 2, "", "", ""},
		{"running version that cannot be read", "mixed.bind", "--hw-level=3 --running=newest", 2, "", "", ""},
		{"running version with a number missing", "mixed.bind", "--hw-level=3 --running=V1 R9.2", 2, "", "", ""},
		{"running version that says nothing", "mixed.bind", "--hw-level=3 --running=V0 R0.0.0", 2, "", "", ""},
		{"lowest version that cannot be read", "plain.bind", "--minimum-version=9", 2, "", "", ""},
		{"lowest version with a number too large", "plain.bind", "--minimum-version=V1 R65536.0.0", 2, "", "", ""},
		{"part number of another form", "mixed.bind", "--part-number=L30250-F600-C428", 2, "", "", ""},
		{"part number without a revision", "mixed.bind", "--part-number=S30817-S7403-A101", 2, "", "", ""},
		{"unreadable version is not lifted by override", "plain.bind", "--minimum-version=9 --override", 2, "", "", ""},
		{"reason without override", "mixed.bind", "--hw-level=4 --reason=lab phone", 2, "", "", ""},
		{"override for a whole list", "mixed.bind", "--phones=@phones.csv --override", 2, "", "", ""},
		{"list and a described phone", "mixed.bind", "--phones=@phones.csv --hw-level=3", 2, "", "", ""},
		{"unknown flag", "mixed.bind", "--hw-levels=3", 2, "", "", ""},
		{"a flag that wants a value", "mixed.bind", "--hw-level", 2, "", "", ""},
		{"no such hardware table", "mixed.bind", "--hw-level=3 --hardware=@missing.toml", 6, "", "", ""},
		{"hardware table that cannot be read", "mixed.bind", "--hw-level=3 --hardware=@broken.toml", 6, "", "", ""},
		{"no such phone list", "mixed.bind", "--phones=@missing.csv", 6, "", "", ""},
		{"trusted key that is none", "mixed.bind", "--hw-level=3 --trusted-key=@text.bind", 6, "", "", ""},
		{"image from standard input", "-", "--hw-level=3", 0, "compatible", "hardware-level", "pass"},
		{"image from standard input, level out of range", "-", "--hw-level=4", 4, "not compatible", "hardware-level", "fail"},
	}
}

// writeDecisionImages writes the images of the table, and the files that its flags name.
func writeDecisionImages(t *testing.T, folder string) {
	t.Helper()
	d := decisionFolder{t, folder}
	maker := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	d.cpbImages(maker)
	d.damagedImages()
	d.observedImages()
	d.describedImages(maker)
	d.write("maker.pem", publicPEM(t, maker))
	d.write("other.pem", publicPEM(t, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))))
	d.write("trusting/trusted-keys/maker.pem", publicPEM(t, maker))
	d.write("stored/hardware.toml", []byte(storedTable))
	d.write("table.toml", []byte(namedTable))
	d.write("broken.toml", []byte("schema = 1\n[[entry]]\nproduct = \n"))
	d.write("phones.csv", []byte("hw_level\n3\n"))
}

// The hardware tables of the decisions: the named one must win over the stored one.
const (
	storedTable = `schema = 1
[[entry]]
product = "S7721"
hw_level = 9
[[entry]]
product = "S7722"
hw_level = 7
`
	namedTable = `schema = 1
[[entry]]
product = "S7720"
variant = "A101"
revisions = "1-4"
hw_level = 2
[[entry]]
product = "S7720"
variant = "A101"
revisions = "5-"
hw_level = 4
[[entry]]
product = "S7721"
device = "OpenScape Desk Phone CP600"
hw_level = 3
[[entry]]
product = "S7722"
minimum_version = "V1 R8.0.0"
[[entry]]
product = "S7723"
device = "OpenScape Desk Phone CP400"
hw_level = 6
minimum_version = "V1 R1.0.0"
[[entry]]
product = "S7724"
device = "OpenScape Desk Phone CP200"
hw_level = 3
[[entry]]
hw_level = 6
family = "OpenScape Desk Phone CP"
minimum_version = "V1 R10.0.0"
[[entry]]
hw_level = 7
minimum_version = "V1 R9.2.0"
`
)

// A decisionFolder is the folder that the images are written to.
type decisionFolder struct {
	t    *testing.T
	path string
}

func (d decisionFolder) write(name string, content []byte) {
	d.t.Helper()
	path := filepath.Join(d.path, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d decisionFolder) read(name string) []byte {
	d.t.Helper()
	content, err := os.ReadFile(filepath.Join(d.path, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return content
}

// build writes an image around a small payload.
func (d decisionFolder) build(name string, build func(context.Context, io.Writer, *io.SectionReader) error) {
	d.t.Helper()
	payload := strings.NewReader(strings.Repeat("the phone's application ", 20))
	var image bytes.Buffer
	if err := build(d.t.Context(), &image, io.NewSectionReader(payload, 0, payload.Size())); err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	d.write(name, image.Bytes())
}

func (d decisionFolder) levels(text string) bind.Levels {
	d.t.Helper()
	levels, err := bind.ParseLevels(text)
	if err != nil {
		d.t.Fatal(err)
	}
	return levels
}

// cpbImages writes the images that are whole. All but one are HFA V1 R9.2.0 for CP400 and CP600.
func (d decisionFolder) cpbImages(maker ed25519.PrivateKey) {
	release, stone := bind.Version{Major: 1, Release: 9, Fix: 2}, bind.Version{Major: 1, Release: 5}
	const family, hfa = "OpenScape Desk Phone CP", "Unify HFA"
	models := []string{"CP400", "CP600"}
	for name, b := range map[string]bind.Builder{
		"mixed.bind":        {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("1-3, 5")},
		"ranges.bind":       {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("2-4, 7-9")},
		"single.bind":       {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("3")},
		"touching.bind":     {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("1-2, 3-4")},
		"widest.bind":       {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("1-65535")},
		"last.bind":         {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("65535")},
		"family.bind":       {Family: family, SoftwareType: hfa, Version: release, Levels: d.levels("1-3")},
		"talk-unify.bind":   {Family: family, Models: models, SoftwareType: "Unify SIP", Version: release, Levels: d.levels("1-3")},
		"talk-siemens.bind": {Family: family, Models: models, SoftwareType: "Siemens SIP", Version: release, Levels: d.levels("1-3")},
		"stone.bind":        {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("1-3"), UpdateFrom: stone},
		"plain.bind":        {Family: family, Models: models, SoftwareType: hfa, Version: release},
		"plain-family.bind": {Family: family, SoftwareType: hfa, Version: release},
		"plain-talk.bind":   {Family: family, Models: models, SoftwareType: "Unify SIP", Version: release},
		"plain-stone.bind":  {Family: family, Models: models, SoftwareType: hfa, Version: release, UpdateFrom: stone},
		"sub.bind":          {Family: family, Models: models, SoftwareType: hfa, Version: bind.Version{Major: 1, SubMajor: 2, Fix: 1}},
		"contrary.bind":     {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("1-3")},
		"signed.bind":       {Family: family, Models: models, SoftwareType: hfa, Version: release, Levels: d.levels("1-3"), Key: maker},
	} {
		d.build(name, b.Build)
	}
}

// damagedImages writes images that something happened to.
func (d decisionFolder) damagedImages() {
	for name, whole := range map[string]string{"damaged.bind": "mixed.bind", "damaged-plain.bind": "plain.bind"} {
		image := d.read(whole)
		image[len(image)-1] ^= 1
		d.write(name, image)
	}
	whole := d.read("mixed.bind")
	d.write("short.bind", whole[:len(whole)-1])
	d.write("long.bind", append(bytes.Clone(whole), 0))
	d.write("ascii.bind", bytes.ReplaceAll(whole, []byte("\r\n"), []byte("\n")))
	broken := bytes.Clone(whole)
	broken[0x48] ^= 1 // the family's text
	d.write("crc.bind", broken)
	d.write("empty.bind", nil)
	d.write("text.bind", []byte("this is the readme of the firmware\n"))
	d.forge("signed.bind", "forged.bind")
}

// forge writes an image whose header was changed after it was signed: the checksum is right, the signature is not.
func (d decisionFolder) forge(signed, name string) {
	d.t.Helper()
	image := d.read(signed)
	length := int(image[0x0E])<<8 | int(image[0x0F])
	header, err := bind.ParseCPBHeader(bytes.Clone(image[:length]))
	if err != nil {
		d.t.Fatal(err)
	}
	header.Fields[0].Value[0] ^= 0x20 // "openScape" instead of "OpenScape"
	changed, err := header.Marshal()
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(name, append(changed, image[length:]...))
}

// observedImages writes images in the OpenStage layout.
func (d decisionFolder) observedImages() {
	version := bind.Version{Major: 3, Release: 5, Fix: 12}
	platform := bind.OpenStageBuilder{Name: "OpenStage Hi", Version: version}
	model := bind.OpenStageBuilder{Name: "OpenStage Lo", Version: version, DeviceType: "OpenStage 40", SoftwareType: "Siemens SIP"}
	d.build("platform.img", platform.Build)
	d.build("openstage.img", model.Build)
	d.build("corrected.img", model.Build)
	d.describe("corrected.img", bind.Description{Models: []string{"60"}})
	d.build("restated.img", platform.Build)
	d.describe("restated.img", bind.Description{Family: "OpenScape Desk Phone CP"})
	whole := d.read("openstage.img")
	d.write("short.img", whole[:len(whole)-1])
}

// describedImages writes images in no known format, with descriptors.
func (d decisionFolder) describedImages(maker ed25519.PrivateKey) {
	full := bind.Description{
		Family: "OpenScape Desk Phone CP", Models: []string{"CP400", "CP600"}, SoftwareType: "Unify HFA",
		Version: bind.Version{Major: 1, Release: 9, Fix: 2}, Levels: d.levels("1-3"),
	}
	versionless, nameless := full, full
	versionless.Version, versionless.Levels = bind.Version{}, bind.Levels{}
	nameless.Family, nameless.Models, nameless.Levels = "", nil, bind.Levels{}
	for name, description := range map[string]bind.Description{
		"described.img": full, "sealed.img": full, "othersum.img": full, "othersize.img": full,
		"versionless.img": versionless, "nameless.img": nameless, "bare.img": {},
	} {
		d.write(name, []byte("\x00bytes in a layout that nobody has published"))
		d.describe(name, description)
	}
	contrary := full
	contrary.Version.Fix++
	d.describe("contrary.bind", contrary)
	d.write("sealed.img.bind.toml.sig", ed25519.Sign(maker, d.read("sealed.img.bind.toml")))
	d.write("othersum.img", []byte("\x00BYTES in a layout that nobody has published"))
	d.write("othersize.img", []byte("\x00bytes in a layout that nobody has published, and more"))
}

// describe writes a descriptor beside an image.
func (d decisionFolder) describe(name string, description bind.Description) {
	d.t.Helper()
	image := d.read(name)
	description.SHA256, description.Size = sha256.Sum256(image), int64(len(image))
	text, err := description.Marshal()
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	d.write(name+bind.DescriptorSuffix, text)
}

func publicPEM(t *testing.T, key ed25519.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
