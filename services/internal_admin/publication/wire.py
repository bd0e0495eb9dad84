"""Subjects, versions and history in the form of answers, for the API and the command line."""

from contracts.control_plane.publication.answers import ActivationAnswer, SubjectAnswer, VersionAnswer
from services.internal_admin.publication.domain.subject import Activation, Subject, Version


def subject_answer(subject: Subject) -> SubjectAnswer:
    return SubjectAnswer(
        subject.subject_id,
        subject.name,
        subject.pools,
        subject.state,
        subject.revision,
        subject.published_revision,
        subject.last_version,
        subject.active_version,
        subject.created_at,
        subject.updated_at,
    )


def version_answer(version: Version) -> VersionAnswer:
    return VersionAnswer(
        version.version,
        version.revision,
        version.pools,
        version.digest.hex(),
        version.note,
        version.created_by,
        version.created_at,
    )


def activation_answer(activation: Activation) -> ActivationAnswer:
    return ActivationAnswer(
        activation.version,
        activation.previous_version,
        activation.percent,
        activation.note,
        activation.activated_by,
        activation.activated_at,
    )
