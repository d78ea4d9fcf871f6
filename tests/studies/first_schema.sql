BEGIN TRANSACTION;
CREATE TABLE review_events (
	study_id VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	text JSON NOT NULL, 
	source VARCHAR(8) NOT NULL, 
	author VARCHAR(64) NOT NULL, 
	reason VARCHAR(500) NOT NULL, 
	time DATETIME NOT NULL, 
	model JSON NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (study_id, number), 
	FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
INSERT INTO "review_events" VALUES('00000000000000000000000000000001',1,1,'draft','{"technique": "Technique.", "view": "View.", "findings": "A mass.", "impression": "Mass."}','template','ChestLens','','2026-11-29 08:13:26.805267','{"name": "chestlens", "version": "7"}','0000000000000000000000000000000000000000000000000000000000000000','48690d261190d888c4f904312850e9e3b930373f0f82f6feb237391107b05885');
INSERT INTO "review_events" VALUES('00000000000000000000000000000001',2,1,'edit','{"technique": "Technique.", "view": "View.", "findings": "A large mass.", "impression": "Mass."}','','','','2026-11-29 08:13:26.805267','{"name": "chestlens", "version": "7"}','48690d261190d888c4f904312850e9e3b930373f0f82f6feb237391107b05885','273fa1c965433b5bbbfcb345386500c9f1123d5d2c9a380246cedfb20933abe1');
INSERT INTO "review_events" VALUES('00000000000000000000000000000001',3,1,'sign','{"technique": "Technique.", "view": "View.", "findings": "A large mass.", "impression": "Mass."}','','Ada Reviewer','','2026-11-29 08:13:26.833207','{"name": "chestlens", "version": "7"}','273fa1c965433b5bbbfcb345386500c9f1123d5d2c9a380246cedfb20933abe1','001ef683b92decf9b795b95e5799126c9bc7348500bf5dfa544be5232aaab0f1');
CREATE TABLE sample_studies (
	sample_id VARCHAR(32) NOT NULL, 
	study_id VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sample_id), 
	FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
CREATE TABLE studies (
	id VARCHAR(32) NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	created DATETIME NOT NULL, 
	status VARCHAR(8) NOT NULL, 
	progress DOUBLE NOT NULL, 
	error_code VARCHAR(32), 
	error_message VARCHAR(500), 
	summary JSON NOT NULL, 
	total_ms INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "studies" VALUES('00000000000000000000000000000001','phantom.png','2026-11-29 08:00:00.123456','done',1.0,NULL,NULL,'{"present": ["Mass"], "possible": []}',512);
CREATE TABLE study_calls (
	study_id VARCHAR(32) NOT NULL, 
	finding VARCHAR(32) NOT NULL, 
	decision VARCHAR(8) NOT NULL, 
	probability DOUBLE, 
	PRIMARY KEY (study_id, finding), 
	FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
CREATE TABLE study_ratings (
	study_id VARCHAR(32) NOT NULL, 
	level VARCHAR(8) NOT NULL, 
	rank INTEGER NOT NULL, 
	strength DOUBLE NOT NULL, 
	because JSON NOT NULL, 
	sentence VARCHAR(1000) NOT NULL, 
	PRIMARY KEY (study_id), 
	FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
CREATE INDEX ix_studies_status ON studies (status);
CREATE INDEX ix_study_calls_finding_decision ON study_calls (finding, decision);
CREATE TRIGGER review_events_stay BEFORE UPDATE ON review_events
    BEGIN SELECT RAISE(ABORT, 'entries of a review are never changed'); END;
CREATE TRIGGER review_events_are_kept BEFORE DELETE ON review_events
    WHEN EXISTS (SELECT 1 FROM studies WHERE id = OLD.study_id)
    BEGIN SELECT RAISE(ABORT, 'entries of a review are deleted only with their study'); END;
CREATE INDEX ix_sample_studies_study_id ON sample_studies (study_id);
COMMIT;
