"""Chained entries replace loose ones.

An entry's hash covers everything it says, so the old ones cannot be turned into chained ones:
their collection is dropped. No installation keeps production data yet.
"""

import django.db.models.deletion
import mammotrack.audit.models
import mammotrack.models
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('audit', '0006_model_actions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.DeleteModel(name='AuditEntry'),
        migrations.CreateModel(
            name='AuditDetail',
            fields=[
                ('id', models.UUIDField(db_column='_id', default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=mammotrack.models.now, editable=False)),
                ('patient_id', models.UUIDField()),
                ('sealed', models.TextField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='AuditAnchor',
            fields=[
                ('id', models.UUIDField(db_column='_id', default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=mammotrack.models.now, editable=False)),
                ('chain', models.CharField(max_length=36)),
                ('seq', models.PositiveBigIntegerField()),
                ('hash', models.CharField(max_length=64)),
                ('count', models.PositiveBigIntegerField()),
                ('signature', models.CharField(max_length=128)),
            ],
            options={
                'indexes': [models.Index(fields=['chain', 'seq'], name='anchor_by_chain')],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.UUIDField(db_column='_id', default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=mammotrack.models.now, editable=False)),
                ('v', models.PositiveSmallIntegerField(default=1, verbose_name='format')),
                ('chain', models.CharField(max_length=36)),
                ('seq', models.PositiveBigIntegerField()),
                ('role', models.CharField(max_length=32)),
                ('auth', models.CharField(help_text='session, token or process.', max_length=8)),
                ('session', models.CharField(help_text='Tells sessions apart; opens none.', max_length=16)),
                ('ip', models.CharField(max_length=45, verbose_name='IP address')),
                ('request_id', models.CharField(max_length=64)),
                ('action', models.CharField(choices=mammotrack.audit.models.actions, max_length=32)),
                ('object_type', models.CharField(max_length=32)),
                ('object_id', models.UUIDField(null=True)),
                ('object_version', models.PositiveIntegerField(null=True)),
                ('patient_id', models.UUIDField(null=True)),
                ('detail', models.JSONField(default=dict)),
                ('private_sha256', models.CharField(help_text='Of the sealed personal values.', max_length=64)),
                ('prev', models.CharField(max_length=64)),
                ('key_id', models.CharField(max_length=16)),
                ('hash', models.CharField(max_length=64)),
                ('mac', models.CharField(max_length=64)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('clinic', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.clinic')),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'indexes': [models.Index(fields=['clinic', '-created_at'], name='audit_by_clinic'), models.Index(fields=['patient_id', '-created_at'], name='audit_by_patient'), models.Index(fields=['object_id', 'action'], name='audit_by_object')],
                'constraints': [models.UniqueConstraint(fields=('chain', 'seq'), name='audit_seq_once')],
            },
        ),
    ]
