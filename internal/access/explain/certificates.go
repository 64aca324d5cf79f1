package explain

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Certificates are those for client authentication that were approved in the name of a Kubernetes user, the latest first. What cannot be read
// as a certificate request names nobody.
func Certificates(requests []certificatesv1.CertificateSigningRequest, kubernetesUser string) []Certificate {
	var found []Certificate
	for i := range requests {
		request := &requests[i]
		asked := parseRequest(request.Spec.Request)
		if asked == nil || asked.Subject.CommonName != kubernetesUser || kubernetesUser == "" ||
			!slices.Contains(request.Spec.Usages, certificatesv1.UsageClientAuth) || !approved(request) {
			continue
		}
		certificate := Certificate{
			Request: request.Name, Signer: request.Spec.SignerName, CreatedAt: request.CreationTimestamp,
			Groups: slices.Sorted(slices.Values(asked.Subject.Organization)), RequestedBy: request.Spec.Username,
		}
		if issued := parseCertificate(request.Status.Certificate); issued != nil {
			certificate.Issued, certificate.NotAfter = true, timeOf(metav1.NewTime(issued.NotAfter))
		}
		found = append(found, certificate)
	}
	slices.SortFunc(found, func(a, b Certificate) int {
		if !a.CreatedAt.Equal(&b.CreatedAt) {
			return b.CreatedAt.Compare(a.CreatedAt.Time)
		}
		return strings.Compare(a.Request, b.Request)
	})
	return found
}

func approved(request *certificatesv1.CertificateSigningRequest) bool {
	return slices.ContainsFunc(request.Status.Conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool {
		return c.Type == certificatesv1.CertificateApproved
	})
}

func parseRequest(text []byte) *x509.CertificateRequest {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil
	}
	return request
}

func parseCertificate(text []byte) *x509.Certificate {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return certificate
}
